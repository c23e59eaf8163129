"""What the caller meant: which table, which columns, how many rows of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from heedful.data import sets
from heedful.data.build import build_series
from heedful.data.panel import DecideOn
from heedful.data.seasons import find_season
from heedful.data.series import Series
from heedful.data.split import Span, Split
from heedful.data.table import Table, read
from heedful.data.windows import Windows
from heedful.errors import DataError, OptionError

DEFAULT_WINDOW = 32
Words = str | Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a job is: what is done of all, and what is under way.

    `last` says what came of the trials that finished last: name, best loss on validation, epochs and seconds.
    """

    done: int
    total: int
    label: str
    epoch: int = 0
    last: tuple[tuple[str, str, str, str], ...] = ()


def line_of(name: str, history: Sequence[Any], best: int, seconds: float) -> tuple[str, str, str, str]:
    """Says what came of a training, for people who watch.

    Args:
        history: its epochs.
        best: number of the best of them, from 1.

    >>> from types import SimpleNamespace
    >>> line_of("cnn-lstm (seed 0)", [SimpleNamespace(train=0.5, validation=0.25)], 1, 3.21)
    ('cnn-lstm (seed 0)', '0.2500', '1 of 1', '3.2')
    """
    if not history:
        return name, "-", "-", f"{seconds:.1f}"
    one = history[best - 1]
    loss = one.validation if one.validation == one.validation else one.train
    return name, f"{loss:.4f}", f"{best} of {len(history)}", f"{seconds:.1f}"


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns of a table play which part; the words of `heedful.fit`."""

    targets: tuple[str, ...]
    time: str | Literal[False] | None = None
    features: tuple[str, ...] | None = None
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    series: str | None = None
    calendar: bool = False
    mask: bool = False
    missing: tuple[float, ...] | None = None
    date_format: str | None = None

    @staticmethod
    def of(
        targets: tuple[str, ...],
        *,
        time: str | Literal[False] | None,
        features: Words | None,
        past: Words,
        known: Words,
        static: Words,
        series: str | None,
        calendar: bool,
        mask: bool,
        missing: Sequence[float] | None,
        date_format: str | None,
    ) -> Columns:
        """Takes the words as a caller gives them: one name or several."""
        return Columns(
            targets=targets,
            time=time,
            features=None if features is None else several(features),
            past=several(past),
            known=several(known),
            static=several(static),
            series=series,
            calendar=calendar,
            mask=mask,
            missing=None if missing is None else tuple(missing),
            date_format=date_format,
        )

    def build(self, table: Table, decide_on: DecideOn) -> Series:
        """Reads a table by these words; what a column is good for is decided on its first rows, `decide_on`, alone."""
        return build_series(
            table,
            self.targets,
            time=self.time,
            features=self.features,
            past=self.past,
            known=self.known,
            static=self.static,
            series=self.series,
            calendar=self.calendar,
            mask=self.mask,
            missing=self.missing,
            date_format=self.date_format,
            decide_on=decide_on,
        )


def several(words: Words | None) -> tuple[str, ...]:
    """Gives one word or several as several.

    >>> several("load"), several(["load", "heat"]), several(None)
    (('load',), ('load', 'heat'), ())
    """
    return () if words is None else (words,) if isinstance(words, str) else tuple(words)


def open_table(
    verb: str, data: Any, target: Words | None, time: str | None, date_format: str | None
) -> tuple[Table, tuple[str, ...], str | None]:
    """Opens a path, a frame or a sample; gives the table, its targets and its time column.

    Raises: DataError for a name that is neither file nor sample; OptionError without a target.
    """
    sample = sets.SAMPLES.get("co2" if data is None else data) if isinstance(data, (str, type(None))) else None
    table = load_table(data, date_format)
    if sample is not None and not (data and Path(data).exists()):
        return table, several(target) or (sample.target,), time or sample.time
    if not several(target):
        raise OptionError(
            f"{verb} needs a target, the column to forecast. '{table.name}' has: {', '.join(map(str, table.frame))}."
        )
    return table, several(target), time


def load_table(data: Any, date_format: str | None) -> Table:
    """Reads a path or a frame, or loads a sample by name; None is the embedded CO2 series.

    Raises: DataError for a name that is neither file nor sample.
    """
    name = "co2" if data is None else data
    if isinstance(name, str) and not Path(name).exists():
        if name in sets.SAMPLES:
            return sets.SAMPLES[name].load()
        if not Path(name).suffix:
            raise DataError(
                f"'{name}' is neither a file nor a sample. Samples: {', '.join(sets.SAMPLES)}. "
                "Give the path of a CSV, Parquet or Excel table."
            )
    return name if isinstance(name, Table) else read(name, date_format=date_format)


def check_numbers(verb: str, **given: int | None) -> None:
    """Refuses what is no whole number, or too small a one; None passes.

    Raises: OptionError that names the option.
    """
    least = {"gap": 0, "season": 2}
    for name, value in given.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least.get(name, 1):
            raise OptionError(
                f"{verb} needs {name} to be a whole number of at least {least.get(name, 1)}, got {value!r}."
            )


def seeds_of(verb: str, seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Gives seeds 0, 1, ... for a number of them, or those listed.

    >>> seeds_of("fit", 3), seeds_of("fit", [7])
    ((0, 1, 2), (7,))

    Raises: OptionError for none, for one that occurs twice or is negative.
    """
    if isinstance(seeds, (bool, float, str)):
        raise OptionError(f"{verb} needs a whole number of seeds, or a list of them, got {seeds!r}.")
    numbers = tuple(range(seeds)) if isinstance(seeds, int) else tuple(int(s) for s in seeds)
    if not numbers or min(numbers) < 0 or len(set(numbers)) != len(numbers):
        raise OptionError(f"{verb} needs at least one seed, all different and not negative, got {seeds}.")
    return numbers


def season_of(series: Series, train: Span, season: int | None) -> int | None:
    """Gives the season asked for, or the one found on the train rows (of the longest member of a panel).

    Raises: OptionError for a season that the train rows do not hold.
    """
    start, stop = max(train.pieces, key=lambda piece: piece[1] - piece[0])
    if season is None:
        return find_season(series.truth[start:stop], series.step)
    if season >= stop - start:
        raise OptionError(f"A season needs fewer rows than the {stop - start} of the train part, got {season}.")
    return season


def window_of(train: Span, season: int | None, horizon: int) -> int:
    """Gives the look-back by rule: the season, else 32 rows, at most a quarter of the train rows."""
    rows = max(stop - start for start, stop in train.pieces)
    return min(season or DEFAULT_WINDOW, max(1, rows // 4), max(1, rows - horizon))


def check_targets(*laid: Windows) -> None:
    """Refuses a part in which a target was never observed: nothing could be learned, chosen or scored on it.

    Raises: DataError that names target and part.
    """
    for one in laid:
        series = one.span.series
        for name, j in zip(series.targets, series.target_indices, strict=True):
            ahead = [(first + one.window, first + one.window + count + one.horizon - 1) for first, count in one.runs]
            if not any(series.observed[start:stop, j].any() for start, stop in ahead):
                first, last = one.span.ends
                raise DataError(
                    f"'{name}' has no observed value in the {one.span.part} part, {len(one.span):,} rows from {first} "
                    f"to {last}. Give another split, or leave those rows out of the table."
                )


def check_horizon(horizon: int, *parts: Span) -> None:
    """Refuses a horizon that no window of a part can have: its targets lie inside the part, as does a train look-back.

    Raises: DataError that counts the rows of the part.
    """
    for span in parts:
        longest = max((stop - start for start, stop in span.pieces), default=0)
        if len(span) and horizon + (span.part == "train") > longest:
            which = f" in the longest of its {len(span.pieces)} series" if len(span.pieces) > 1 else ""
            raise DataError(
                f"A horizon of {horizon:,} rows does not fit the {span.part} part, which has {longest:,} rows{which}. "
                "Shorten the horizon, or give this part of the split more rows."
            )


def check_split(verb: str, split: Any) -> tuple[float, float, float]:
    """Gives the three sizes of a split.

    Raises: OptionError unless there are three numbers.
    """
    if isinstance(split, str) or len(split) != 3 or any(isinstance(size, (str, bool)) for size in split):
        raise OptionError(f"{verb} needs a split of three sizes such as (0.7, 0.1, 0.2), got {split!r}.")
    return split[0], split[1], split[2]


def describe_split(parts: Split) -> dict[str, dict[str, Any]]:
    """Gives what every part that has rows holds, as plain values: `count` rows, among rows [first, last) of the table.

    Parts of a panel lie inside each other's rows, member by member: there only `count` says how many are theirs.
    """
    return {
        span.part: {
            "rows": [span.start, span.stop],
            "count": len(span),
            "from": str(span.ends[0]),
            "to": str(span.ends[1]),
        }
        for span in parts
        if len(span)
    }
