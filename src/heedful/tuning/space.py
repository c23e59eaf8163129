"""What is tried: settings by dotted path, each a list of choices or a range of numbers."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from heedful.errors import DataError, OptionError

_RANGE = ("low", "high", "log", "step")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Some values, of which each setting takes one.

    Raises: OptionError without a value, or for one that stands there twice.

    >>> Choices(values=(8, None, {"part": "last"})).labels
    (8, None, '{"part": "last"}')
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        names = [repr(value) for value in self.values]
        if not names or len(set(names)) < len(names):
            raise OptionError(f"A list of choices needs at least one value, each once, got {list(self.values)}.")

    @property
    def labels(self) -> tuple[bool | int | float | str | None, ...]:
        """What stands for each value in a journal: itself, or its JSON text if it is no plain value."""
        return tuple(
            value if isinstance(value, bool | int | float | str | None) else json.dumps(value) for value in self.values
        )

    def decode(self, label: Any) -> Any:
        """Gives the value that a label stands for."""
        return self.values[[repr(one) for one in self.labels].index(repr(label))]


@dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from low to high, both included; whole ones if both are.

    Args:
        log: tried evenly in their logarithm.
        step: only every so many of them; a log range has none.

    Raises: OptionError for a range that holds no number, or holds none below another.

    >>> Range(low=1, high=8, step=3).grid("window")
    (1, 4, 7)
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if (name != "step" or value is not None) and not _real(value):
                raise OptionError(f"A range needs a number as {name}, got {value!r}.")
        if not isinstance(self.log, bool):
            raise OptionError(f"A range needs log to be true or false, got {self.log!r}.")
        if not self.low < self.high:
            raise OptionError(
                f"A range needs low below high, got {self.low!r} to {self.high!r}: it holds no two values."
            )
        if self.log and (self.low <= 0 or self.step is not None):
            raise OptionError(f"A log range needs low above 0 and no step, got {self.low!r} and {self.step!r}.")
        if self.step is not None and not 0 < self.step <= self.high - self.low:
            raise OptionError(f"A range needs a step above 0 that leads from low to high at most, got {self.step!r}.")

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole ones."""
        return all(isinstance(value, int) for value in (self.low, self.high, self.step) if value is not None)

    @property
    def top(self) -> float:
        """The last number that the steps reach."""
        if self.step is None:
            return self.high
        return self.low + self.step * math.floor((self.high - self.low) / self.step + 1e-9)

    def grid(self, path: str) -> tuple[float, ...]:
        """Lists its numbers.

        Raises: OptionError for a range of fractions without a step.
        """
        if self.step is None and not self.whole:
            raise OptionError(
                f"The sampler 'grid' needs a list of choices or a range with a step for {path}, got {self.low!r} to "
                f"{self.high!r}. List the values, or take another sampler."
            )
        step = self.step or 1
        return tuple(self.low + step * i for i in range(round((self.top - self.low) / step) + 1))


Dimension = Choices | Range
Space = Mapping[str, Dimension]


def read_space(given: Mapping[str, Any] | str | Path) -> dict[str, Dimension]:
    """Reads a space: choices as lists, ranges as tables of low and high, nested or by dotted path.

    Args:
        given: a mapping, or the path of a TOML file.

    Raises: DataError for a file that cannot be read; OptionError for what is neither choices nor a range.

    >>> read_space({"recurrence": {"width": [8, 16]}, "window": {"low": 8, "high": 32, "log": True}})
    {'recurrence.width': Choices(values=(8, 16)), 'window': Range(low=8, high=32, log=True, step=None)}
    """
    tree = given if isinstance(given, Mapping) else _file(Path(given))
    found: dict[str, Dimension] = {}
    for path, dimension in _flat(tree, ""):
        if path in found:
            raise OptionError(f"A space needs each path once, got {path} twice. Join the two.")
        found[path] = dimension
    if not found:
        raise OptionError("A space needs at least one path, such as recipe.learning_rate, got none.")
    return found


def _flat(tree: Mapping[str, Any], before: str) -> Iterator[tuple[str, Dimension]]:
    for key, value in tree.items():
        path = f"{before}{key}"
        try:
            if isinstance(value, Choices | Range):
                yield path, value
            elif isinstance(value, Mapping) and {"low", "high"} & value.keys():
                yield path, _range(value)
            elif isinstance(value, Mapping):
                yield from _flat(value, f"{path}.")
            elif isinstance(value, Sequence) and not isinstance(value, str):
                yield path, Choices(values=tuple(value))
            else:
                raise OptionError(f"It needs a list of choices or a range of low and high, got {value!r}.")
        except OptionError as error:
            text = str(error)
            raise error if text.startswith("The space at ") else OptionError(f"The space at {path}: {text}") from None


def _range(given: Mapping[str, Any]) -> Range:
    for key in given:
        if key not in _RANGE:
            raise OptionError(f"A range knows {', '.join(_RANGE)}, got '{key}'.")
    for key in ("low", "high"):
        if key not in given:
            raise OptionError(f"A range needs low and high, got no {key}.")
    return Range(**given)


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"A space needs a TOML file, and {path} cannot be read ({error}). Give its path.") from error


def grid(space: Space) -> list[dict[str, Any]]:
    """Lists every setting of a space, by label.

    Raises: OptionError for a range of fractions without a step, and for more than a million settings.

    >>> grid({"a": Choices(values=(1, 2)), "b": Range(low=0, high=1)})
    [{'a': 1, 'b': 0}, {'a': 1, 'b': 1}, {'a': 2, 'b': 0}, {'a': 2, 'b': 1}]
    """
    values = [one.labels if isinstance(one, Choices) else one.grid(path) for path, one in space.items()]
    count = math.prod(map(len, values))
    if count > 1_000_000:
        raise OptionError(
            f"The sampler 'grid' needs at most a million settings, got {count:,}. Take 'random' or 'tpe'."
        )
    return [dict(zip(space, one, strict=True)) for one in product(*values)]


def told(space: Space) -> dict[str, Any]:
    """Gives a space as plain values that JSON can hold.

    >>> told({"a": Choices(values=(1, 2)), "b": Range(low=0.0, high=1.0)})
    {'a': [1, 2], 'b': {'low': 0.0, 'high': 1.0, 'log': False, 'step': None}}
    """
    return {
        path: list(one.values) if isinstance(one, Choices) else {name: getattr(one, name) for name in _RANGE}
        for path, one in space.items()
    }


def _real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
