"""What the readers of all formats share: what was asked, what came out, and how arrays lie."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heedful.data.recordings.noun import Recording
from heedful.errors import DataError

THIS = "<file>"
"""Stands for the file in the names and groups that a reader gives: only the caller knows what the file is called."""

MANY_CHANNELS = 64
NAMES = {
    "label": ("label", "class", "labels", "class_label"),
    "group": ("group", "subject", "patient", "participant", "machine", "bearing"),
    "target": ("target",),
    "rate": ("rate", "fs", "fs_hz", "rate_hz", "sampling_rate", "sample_rate", "samplerate", "sampling_frequency"),
    "scale": ("scale",),
    "part": ("part", "split", "partition"),
    "recording": ("recording", "recording_id", "record", "record_id", "series", "series_id", "case", "case_id"),
    "file": ("file", "filename", "file_name", "filepath", "file_path", "path"),
    "time": ("time", "times", "timestamp", "datetime", "date", "seconds", "t", "time_s", "time (s)", "time_ms"),
    "counter": ("unnamed: 0", "index", "sample", "row"),
}
"""The obvious names of columns, small letters: what is taken when nothing else is said."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked of a file: names of columns (None: the obvious ones), and the channels by name or position.

    `unlabelled` keeps rows of a table without label or target. `map` asks for memory maps where the format has them.
    Tables above `block` bytes are read in blocks, and their samples go to the folder `spill` if there is one.
    """

    label: str | None = None
    group: str | None = None
    target: str | None = None
    recording: str | None = None
    part: str | None = None
    rate: str | None = None
    scale: str | None = None
    channels: tuple[str | int, ...] | None = None
    unlabelled: bool = False
    map: bool = False
    block: int = 32 << 20
    spill: Path | None = None

    def column(self, role: str, columns: Sequence[str], *, among: str) -> str | None:
        """Finds the column of a role: the one named, which must be there, else the first with an obvious name."""
        named = getattr(self, role, None)
        if named is not None:
            if named not in columns:
                raise DataError(f"There is no {among} '{named}' for the {role}. Known: {', '.join(columns)}.")
            return str(named)
        lower = {column.strip().lower(): column for column in reversed(columns)}
        return next((lower[name] for name in NAMES[role] if name in lower), None)


@dataclass(frozen=True, kw_only=True)
class Found:
    """The recordings of one file, what was left out of it, and what was decided; names begin with THIS."""

    recordings: tuple[Recording, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Reader = Callable[[Path, Wanted], Found]


def text(value: Any) -> str | None:
    """Writes a label the same way wherever it stood: 1, 1.0 and "1" are one class; None for a missing value.

    >>> text(1.0), text(" inner "), text(float("nan")), text(True)
    ('1', 'inner', None, 'true')
    """
    if value is None or value is pd.NA or value != value:
        return None
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip() or None


def number(value: Any) -> float | None:
    """Reads a number; None for anything else and for NaN.

    >>> number("12000"), number("-"), number(np.float32(2))
    (12000.0, None, 2.0)
    """
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(found) else found


def fact(value: Any) -> str | float | None:
    """Gives a value the form of a fact: a number, else text; None for a missing one."""
    if isinstance(value, (bool, np.bool_)):
        return text(value)
    found = number(value) if not isinstance(value, str) else None
    return found if found is not None else text(value)


def facts(values: Mapping[str, Any]) -> dict[str, str | float]:
    """Gives the values that are not missing the form of facts."""
    given = {name: fact(value) for name, value in values.items()}
    return {name: value for name, value in given.items() if value is not None}


def real(values: np.ndarray) -> np.ndarray:
    """Gives samples a type that the rest can read: bool as 8 bits, anything but real numbers refused."""
    if values.dtype == np.bool_:
        return values.view(np.uint8)
    if values.dtype.kind not in "iuf":
        kind = "objects" if values.dtype == object else str(values.dtype)
        raise DataError(f"Samples need to be real numbers, got {kind}. Save them as numbers.")
    return values


def oriented(values: np.ndarray, count: int | None = None) -> np.ndarray:
    """Lays an array of one recording as (channels, samples): the longer axis is time.

    Args:
        count: number of channels, where it is known.

    Raises: DataError for an array of other rank, or one whose axes cannot be told apart.

    >>> oriented(np.zeros((500, 3))).shape, oriented(np.zeros(4)).shape, oriented(np.zeros((9, 4)), 9).shape
    ((3, 500), (1, 4), (9, 4))
    """
    if values.ndim == 1:
        return values[None]
    if values.ndim != 2:
        raise DataError(
            f"One recording needs an array (channels, samples) or (samples, channels), got {values.shape}. "
            "Many in one array belong into an .npz with the arrays X and y."
        )
    if not values.size:
        raise DataError(f"The array {values.shape} holds no sample. Leave the file out.")
    rows, columns = values.shape
    if count is not None and (rows == count) != (columns == count):
        return values if rows == count else values.T
    if rows == columns:
        raise DataError(f"Which axis of {values.shape} is time cannot be told. Save it as (samples, channels) by name.")
    if min(rows, columns) > MANY_CHANNELS:
        raise DataError(
            f"{values.shape} would be a recording of {min(rows, columns)} channels; it looks like many recordings. "
            "Save them as .npz with the arrays X and y, or name the channels."
        )
    return values if rows < columns else values.T


def channel_names(count: int) -> tuple[str, ...]:
    """Names channels that have no name.

    >>> channel_names(1), channel_names(2)
    (('signal',), ('channel 1', 'channel 2'))
    """
    return ("signal",) if count == 1 else tuple(f"channel {i + 1}" for i in range(count))


def pick(names: tuple[str, ...], channels: tuple[str | int, ...] | None) -> list[int]:
    """Gives the positions of the channels asked for, all of them without a wish.

    Args:
        channels: names, or positions counted from 0; digits that are no name are a position.

    Raises: DataError for a channel that is not there.

    >>> pick(("x", "y", "z"), ("z", 0)), pick(("x", "y"), ("1",)), pick(("1", "2"), ("1",))
    ([2, 0], [1], [0])
    """
    if channels is None:
        return list(range(len(names)))
    found = []
    for channel in channels:
        if isinstance(channel, str) and channel in names:
            found.append(names.index(channel))
        elif str(channel).isdecimal() and int(channel) < len(names):
            found.append(int(channel))
        else:
            raise DataError(f"There is no channel {channel!r}. Known: {', '.join(names)}, or 0 to {len(names) - 1}.")
    return found


def chosen(values: np.ndarray, wanted: Wanted) -> tuple[np.ndarray, tuple[str, ...]]:
    """Takes the channels asked for out of (channels, samples) that have no names.

    Names that the array cannot know are given to its channels in turn, if there are as many.
    """
    names, channels = channel_names(len(values)), wanted.channels
    if channels is None:
        return values, names
    given = tuple(one for one in channels if isinstance(one, str) and not one.isdecimal())
    if len(given) == len(channels) == len(values) and not set(given) & set(names):
        return values, given
    places = pick(names, channels)
    return values[places], tuple(names[i] for i in places)


def named(values: np.ndarray, wanted: Wanted) -> tuple[np.ndarray, tuple[str, ...]]:
    """Lays an array whose axes are not named as (channels, samples) and takes the channels asked for."""
    channels = wanted.channels or ()
    count = (
        len(channels) if channels and all(isinstance(one, str) and not one.isdecimal() for one in channels) else None
    )
    return chosen(oriented(real(values), count), wanted)


def numbers_in(name: str) -> set[int]:
    """Gives the whole numbers that stand in a name.

    >>> sorted(numbers_in("12k_Drive_End_IR007_0_105"))
    [0, 7, 12, 105]
    """
    return {int(found) for found in re.findall(r"\d+", name)}
