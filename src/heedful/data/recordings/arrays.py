"""Recordings from arrays in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from heedful.data.recordings.files import PARTS
from heedful.data.recordings.noun import Recording, Recordings
from heedful.data.recordings.readers.common import MANY_CHANNELS, Wanted, chosen, number, real, text
from heedful.errors import DataError, ShapeError


def from_arrays(
    source: Any,
    *,
    label: Any = None,
    group: Any = None,
    target: Any = None,
    part: Any = None,
    channels: tuple[str | int, ...] | None = None,
    name: str = "arrays",
) -> Recordings:
    """Makes a recording of each array of a list, a mapping from names, or the first axis of one array.

    Of two axes, the one that differs between the arrays is time, else the longer one; `channels` with a name each
    settles it too. An array (recordings, samples) holds recordings of one channel.

    Args:
        label, group, target, part: one value a recording; a target may be an array of one number a sample.

    Raises: ShapeError for arrays whose axes cannot be told apart, DataError for values of another number.

    >>> from_arrays(np.zeros((4, 100, 3)), label=[0, 0, 1, 1])[3].values.shape
    (3, 100)
    """
    names, arrays = _parts(source)
    laid = _laid(arrays, channels)
    columns = {"label": label, "group": group, "target": target, "part": part}
    for role, values in columns.items():
        if values is not None and (isinstance(values, str) or len(values) != len(laid)):
            came = repr(values) if isinstance(values, str) else f"{len(values)}"
            raise DataError(
                f"{role} needs one value for each of the {len(laid)} arrays, got {came}. Give a list of them."
            )
    given = {role: list(values) if values is not None else [None] * len(laid) for role, values in columns.items()}
    items = []
    for i, values in enumerate(laid):
        samples, called = chosen(values, Wanted(channels=channels))
        told: Any = given["target"][i]
        where = text(given["part"][i])
        rows = np.asarray(told, dtype=float) if np.ndim(told) == 1 else None
        items.append(
            Recording(
                name=names[i],
                values=samples,
                channels=called,
                label=text(given["label"][i]),
                group=text(given["group"][i]),
                target=number(told) if rows is None else None,
                targets=rows,
                part=PARTS.get(where.lower(), where) if where else None,
            )
        )
    return Recordings(items=tuple(items), name=name)


def _parts(source: Any) -> tuple[list[str], list[np.ndarray]]:
    if isinstance(source, Mapping):
        return [str(key) for key in source], [real(np.asarray(one)) for one in source.values()]
    if not isinstance(source, (np.ndarray, Sequence)) and not hasattr(source, "__array__"):
        raise DataError(f"Recordings need a path, a sample's name or arrays, got {type(source).__name__}.")
    whole = source if isinstance(source, Sequence) else np.asarray(source)
    if isinstance(whole, np.ndarray) and whole.ndim < 2:
        raise ShapeError(f"Recordings need an array (recordings, samples) or one of three axes, got {whole.shape}.")
    arrays = [real(np.asarray(one)) for one in whole]
    if not arrays:
        raise DataError("Recordings need at least one array, got none.")
    return [f"{i:0{len(str(len(arrays) - 1))}d}" for i in range(len(arrays))], arrays


def _laid(arrays: list[np.ndarray], channels: tuple[str | int, ...] | None) -> list[np.ndarray]:
    """Lays all arrays as (channels, samples), each the same way."""
    ranks = {one.ndim for one in arrays}
    if ranks == {1}:
        return [one[None] for one in arrays]
    if ranks != {2}:
        raise ShapeError(f"Recordings need arrays of one or two axes each, got {', '.join(map(str, sorted(ranks)))}.")
    first, second = ({one.shape[axis] for one in arrays} for axis in (0, 1))
    names = len(channels) if channels and all(isinstance(one, str) for one in channels) else None
    if names is not None and (first == {names}) != (second == {names}):
        rows = first == {names}
    elif (len(first) == 1) != (len(second) == 1):
        rows = len(first) == 1
    elif max(first) != max(second):
        rows = max(first) < max(second)
    else:
        rows = False
        names = None
    if (
        len(first if rows else second) > 1
        or (first == second and names is None)
        or (max(first if rows else second) > MANY_CHANNELS and names is None)
    ):
        raise ShapeError(
            f"Which axis of {arrays[0].shape} is time cannot be told. Give (samples, channels) and a name for each "
            "channel: channels=[...]."
        )
    return arrays if rows else [one.T for one in arrays]
