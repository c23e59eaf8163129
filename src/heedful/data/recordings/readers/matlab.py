"""Reads MATLAB files: version 5 by SciPy, version 7.3 by h5py."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from heedful.data.recordings.readers.common import Found, Wanted, numbers_in
from heedful.data.recordings.readers.variables import from_variables, listed
from heedful.errors import DataError

HDF = b"\x89HDF\r\n\x1a\n"
_RECORD = re.compile(r"X(\d{2,4})(?:_(\w+_time)|_?(RPM))$")


def read_mat(path: Path, wanted: Wanted) -> Found:
    """Reads one recording: the variables named, the only signal, or the drive end of a bearing record.

    The Case Western files name variables after the record, X097_DE_time; that number is taken off, and in a file with
    several records the one whose number stands in the file's name is read, so that 99.mat never gives record 98.

    Raises: DataError that lists the variables when the signal is not obvious.
    """
    variables = _hdf(path) if _is_hdf(path) else _five(path)
    variables = _one_record(variables, path.stem)
    if wanted.channels is None and "DE_time" in variables:
        variables = {name: value for name, value in variables.items() if name == "DE_time" or value.size == 1}
        wanted = replace(wanted, channels=("DE_time",))
    return from_variables(variables, wanted)


def _one_record(variables: dict[str, np.ndarray], stem: str) -> dict[str, np.ndarray]:
    """Takes the record's number off the names of its variables, and other records out."""
    found = {name: match for name in variables if (match := _RECORD.match(name))}
    records = {int(match[1]) for match in found.values() if match[2]}
    if not records:
        return variables
    own = records & numbers_in(stem) if len(records) > 1 else records
    if len(own) != 1:
        raise DataError(
            f"It holds the records {', '.join(map(str, sorted(records)))}, and its name does not say which is meant: "
            f"{listed(variables)}. Put the record's number into the file's name."
        )
    record = own.pop()
    kept = {name: value for name, value in variables.items() if name not in found}
    for name, match in found.items():
        if int(match[1]) == record:
            kept[match[2] or "rpm"] = variables[name]
    return kept


def _is_hdf(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(520)
    return head.startswith(HDF) or head[512:].startswith(HDF)


def _five(path: Path) -> dict[str, np.ndarray]:
    from scipy.io import loadmat

    try:
        raw = loadmat(path, simplify_cells=True)
    except Exception as error:  # the parser raises whatever damaged bytes lead it to
        raise DataError(f"It is truncated or no MATLAB file ({error}). Save it anew.") from error
    return dict(_flat({name: value for name, value in raw.items() if not name.startswith("__")}))


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Gives the arrays in nested structures dotted names; a single structure at the top gives them no name."""
    if not before and len(values) == 1 and isinstance(only := next(iter(values.values())), dict):
        values = only
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, (list, np.ndarray)) and len(np.shape(value)) == 1 and _has_structures(value):
            yield from _flat({f"{name}.{i}": one for i, one in enumerate(value)}, before or "\0")
        else:
            yield f"{before}{name}".replace("\0", ""), np.asarray(value)


def _has_structures(value: Any) -> bool:
    return any(isinstance(one, dict) for one in value)


def _hdf(path: Path) -> dict[str, np.ndarray]:
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            "It is a MATLAB file of version 7.3, which needs h5py. Install it: pip install heedful[hdf5], "
            "or save it with '-v7' in MATLAB."
        ) from error
    found: dict[str, np.ndarray] = {}

    def take(name: str, one: Any) -> None:
        kind = one.attrs.get("MATLAB_class", b"")
        if isinstance(one, h5py.Dataset) and not name.startswith("#") and one.dtype.kind in "iufb":
            found[name.replace("/", ".")] = (
                np.asarray("".join(map(chr, one[()].reshape(-1)))) if kind == b"char" else np.asarray(one).T
            )

    try:
        with h5py.File(path, "r") as file:
            file.visititems(take)
    except (OSError, RuntimeError) as error:
        raise DataError(f"It is truncated or damaged ({error}). Save it anew.") from error
    return found
