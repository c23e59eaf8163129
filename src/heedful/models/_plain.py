"""Frozen dataclasses of plain values: their values checked by their annotations, and to dicts and TOML and back."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from heedful.errors import OptionError, unknown

Data = TypeVar("Data")

_SHARES = {"dropout"}
_FROM_ZERO = {"embedding", "placebo"}


def _allowed(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)


# --- checking -----------------------------------------------------------------------------------------------


def check(data: Any) -> None:
    """Refuses values that their field's annotation does not allow, and sizes below 1.

    Raises: UnknownName for a word that is none of a field's words; OptionError otherwise.
    """
    hints = get_type_hints(type(data))
    for one in fields(data):
        _check(type(data).__name__, one.name, getattr(data, one.name), _allowed(hints[one.name]))


def _check(who: str, name: str, value: object, allowed: tuple[Any, ...]) -> None:
    for hint in allowed:
        if get_origin(hint) is Literal and isinstance(value, str) and value not in get_args(hint):
            raise unknown(name, value, get_args(hint))
    if not any(_fits(value, hint) for hint in allowed):
        raise OptionError(f"{who} needs {_words(allowed)} as {name}, got {value!r}. Give another value.")
    least = 0 if name in _FROM_ZERO else 1
    sizes = [n for n in (value if isinstance(value, tuple) else (value,)) if type(n) is int]
    if any(n < least for n in sizes):
        raise OptionError(f"{who} needs {name} of at least {least}, got {value!r}. Give a greater one.")
    if isinstance(value, tuple) and not value:
        raise OptionError(f"{who} needs at least one value as {name}, got none. Leave it out for its default.")
    if name in _SHARES and isinstance(value, int | float) and not 0 <= value < 1:
        raise OptionError(f"{who} needs {name} from 0 to below 1, got {value!r}. Give a share.")


def _fits(value: object, hint: Any) -> bool:
    if hint is None or hint is type(None):
        return value is None
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(one, get_args(hint)[0]) for one in value)
    if get_origin(hint) is Mapping:
        return isinstance(value, Mapping) and all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    if hint in (int, float):
        numbers = (int,) if hint is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, hint)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(one) for one in value)
    return isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


_WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a word", type(None): "None"}


def _words(allowed: tuple[Any, ...]) -> str:
    return " or ".join(dict.fromkeys(_word(hint) for hint in allowed))


def _word(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return f"one of {', '.join(get_args(hint))}"
    if get_origin(hint) is tuple:
        return f"a tuple, each {_WORDS.get(get_args(hint)[0], 'plain')},"
    if get_origin(hint) is Mapping:
        return "options by name, each a number, a word, True, False or a tuple of such,"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


# --- dicts --------------------------------------------------------------------------------------------------


def part_name(kind: type) -> str:
    """Gives the word of a part: its class name in snake case.

    >>> part_name(type("EncoderDecoder", (), {}))
    'encoder_decoder'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


def _parts(hint: Any) -> list[type]:
    return [kind for kind in _allowed(hint) if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")]


def to_dict(data: Any) -> dict[str, Any]:
    """Spells out a dataclass; where a field takes several parts, the key "part" says which one stands there."""
    found: dict[str, Any] = {}
    hints = get_type_hints(type(data))
    for one in fields(data):
        value, parts = getattr(data, one.name), _parts(hints[one.name])
        if type(value) in parts:
            tag = {"part": part_name(type(value))} if len(parts) > 1 else {}
            found[one.name] = tag | to_dict(value)
        else:
            found[one.name] = _listed(value)
    return found


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(one) for key, one in value.items()}
    return [_listed(one) for one in value] if isinstance(value, tuple) else value


def _tupled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _tupled(one) for key, one in value.items()}
    return tuple(_tupled(one) for one in value) if isinstance(value, list | tuple) else value


def from_dict(kind: type[Data], given: Any, *, where: str = "") -> Data:
    """Builds a dataclass from what `to_dict` gave; what is left out has its default."""
    who = where or kind.__name__
    if not isinstance(given, Mapping):
        raise OptionError(f"{who} needs its values by name, got {given!r}. Give a table, or leave it out.")
    hints = get_type_hints(kind)
    known = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    for key in given:
        if key not in known:
            raise unknown(f"value of {who}", key, known)
    for one in fields(kind):  # type: ignore[arg-type]
        if one.name not in given and one.default is MISSING and one.default_factory is MISSING:
            raise OptionError(f"{who} needs a {one.name}, got none. Give one.")
    return kind(**{key: _value(hints[key], value, key) for key, value in given.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    parts = _parts(hint)
    if not parts or value is None:
        return _tupled(value)
    if len(parts) == 1:
        return from_dict(parts[0], value, where=where)
    named = {part_name(kind): kind for kind in parts}
    rest = dict(value) if isinstance(value, Mapping) else {}
    word = rest.pop("part", None)
    if word is None:
        raise OptionError(f"{where} needs 'part', one of {', '.join(named)}, got {value!r}. Say which part it is.")
    if word not in named:
        raise unknown(where, word, named)
    return from_dict(named[word], rest, where=f"{where} {word}")


# --- TOML ---------------------------------------------------------------------------------------------------


def to_toml(given: Mapping[str, Any], *, path: tuple[str, ...] = ()) -> str:
    """Writes nested dicts as TOML; keys whose value is None are left out.

    >>> print(to_toml({"centre": "last", "stem": {"part": "segments", "length": 24}}))
    centre = "last"
    <BLANKLINE>
    [stem]
    part = "segments"
    length = 24
    <BLANKLINE>
    """
    flat = [f"{key} = {_literal(value)}\n" for key, value in given.items() if not isinstance(value, Mapping | None)]
    text = "".join([f"\n[{'.'.join(path)}]\n", *flat] if path and (flat or not given) else flat)
    for key, value in given.items():
        if isinstance(value, Mapping) and value:
            text += to_toml(value, path=(*path, key))
        elif isinstance(value, Mapping) and not path:
            text += f"\n[{key}]\n"
    return text


def _literal(value: Any) -> str:
    # Text, whole numbers, booleans and lists of these read the same in JSON and in TOML.
    return repr(value) if isinstance(value, float) else json.dumps(value)


def from_toml(text: str) -> dict[str, Any]:
    """Reads TOML.

    Raises: OptionError for text that is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"The plan needs to be TOML, got text that is not: {error}. Mend that line.") from error
