"""Reads recordings from named variables: what .npz and .mat files hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from heedful.data.recordings.noun import Recording
from heedful.data.recordings.readers.common import (
    THIS,
    Found,
    Wanted,
    facts,
    named,
    number,
    oriented,
    real,
    text,
)
from heedful.errors import DataError

MANY = ("x", "data", "signals", "samples", "values")


def from_variables(variables: Mapping[str, np.ndarray], wanted: Wanted) -> Found:
    """Reads one recording whose channels are arrays of one length, or many from an array X with labels y.

    Single values are facts, or the label, group, rate and scale by their obvious names.

    Raises: DataError that lists the variables when none can be taken, or more than one could be.
    """
    single = {name: value.reshape(-1)[0] for name, value in variables.items() if value.size == 1}
    arrays = {
        name: np.squeeze(value) if value.ndim > 2 else value for name, value in variables.items() if value.size > 1
    }
    many = _many(arrays, single, wanted)
    if many is not None:
        return many
    numeric = {name: value for name, value in arrays.items() if value.dtype.kind in "iufb" and value.ndim <= 2}
    if not numeric:
        if arrays and all(value.dtype == object for value in arrays.values()):
            raise DataError(f"It holds only objects, no numbers: {listed(variables)}.")
        raise DataError(f"It holds no array of numbers: {listed(variables) or 'nothing'}. Leave the file out.")
    if wanted.channels is not None and all(channel in numeric for channel in wanted.channels):
        values, channels = _stacked({str(name): numeric[str(name)] for name in wanted.channels})
    elif len(numeric) == 1:
        values, channels = named(next(iter(numeric.values())), wanted)
    elif wanted.channels is not None:
        missing = [str(one) for one in wanted.channels if one not in numeric]
        raise DataError(f"There is no variable {', '.join(missing)}. It holds {listed(variables)}.")
    else:
        raise DataError(
            f'It holds more than one signal: {listed(variables)}. Name them: channels="{next(iter(numeric))}".'
        )
    return Found(recordings=(described(values, channels, single, wanted),))


def described(values: np.ndarray, channels: tuple[str, ...], single: Mapping[str, Any], wanted: Wanted) -> Recording:
    """Makes the recording of a file and takes its single values as what is known of it."""
    names = list(single)
    roles = {
        role: wanted.column(role, names, among="single value")
        for role in ("label", "group", "target", "rate", "scale", "part")
    }
    taken = {role: single[name] for role, name in roles.items() if name is not None}
    return Recording(
        name=THIS,
        values=values,
        channels=channels,
        label=text(taken.get("label")),
        group=text(taken.get("group")),
        target=number(taken.get("target")),
        part=text(taken.get("part")),
        rate=number(taken.get("rate")),
        scale=number(taken.get("scale")) or 1.0,
        facts=facts({name: value for name, value in single.items() if name not in roles.values()}),
    )


def listed(variables: Mapping[str, np.ndarray]) -> str:
    """Lists variables with their shapes, the first twelve.

    >>> listed({"X097_DE_time": np.zeros((9, 1))})
    'X097_DE_time (9, 1)'
    """
    rest = f" and {len(variables) - 12} more" if len(variables) > 12 else ""
    return ", ".join(f"{name} {value.shape}" for name, value in list(variables.items())[:12]) + rest


def _stacked(chosen: Mapping[str, np.ndarray]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Lays variables of one length on each other, one a channel."""
    laid = {name: oriented(real(value)) for name, value in chosen.items()}
    lengths = {value.shape[1] for value in laid.values()}
    if len(lengths) > 1:
        raise DataError(f"Channels need one length, got {listed(chosen)}. Name channels of one length.")
    names = tuple(
        name if len(value) == 1 else f"{name} {i + 1}" for name, value in laid.items() for i in range(len(value))
    )
    values = next(iter(laid.values())) if len(laid) == 1 else np.concatenate(list(laid.values()))
    return values, names


def _many(arrays: Mapping[str, np.ndarray], single: Mapping[str, Any], wanted: Wanted) -> Found | None:
    """Reads an array of many recordings, if there is one: three axes, or two beside labels of its length."""
    name = next((name for name, value in arrays.items() if name.lower() in MANY and value.dtype.kind in "iufb"), None)
    x = arrays[name] if name is not None else np.empty(0)
    columns = {key: value.reshape(-1) for key, value in arrays.items() if key != name and value.size == len(x)}
    if x.ndim not in (2, 3) or (x.ndim == 2 and not columns):
        return None
    known = {role: wanted.column(role, list(columns), among="array") for role in ("label", "group", "target", "part")}
    known["label"] = known["label"] or next((key for key in columns if key.lower() == "y"), None)
    rate = wanted.column("rate", list(single), among="single value")
    items = []
    for i, one in enumerate(x):
        values, channels = named(one, wanted)
        row = {role: columns[key][i] for role, key in known.items() if key is not None}
        items.append(
            Recording(
                name=f"{THIS}#{i:0{len(str(len(x) - 1))}d}",
                values=values,
                channels=channels,
                label=text(row.get("label")),
                group=text(row.get("group")),
                target=number(row.get("target")),
                part=text(row.get("part")),
                rate=number(single[rate]) if rate is not None else None,
            )
        )
    return Found(recordings=tuple(items), notes=(f"{name} {x.shape} was read as {len(x)} recordings.",))
