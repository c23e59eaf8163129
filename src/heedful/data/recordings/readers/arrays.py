"""Reads NumPy's files, never pickled ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from heedful.data.recordings.noun import Recording
from heedful.data.recordings.readers.common import THIS, Found, Wanted, named
from heedful.data.recordings.readers.variables import from_variables
from heedful.errors import DataError


def read_npy(path: Path, wanted: Wanted) -> Found:
    """Reads one recording from an `.npy` file, memory-mapped if asked.

    Raises: DataError for pickled objects, a truncated file, or an array that is no recording.
    """
    try:
        values = np.load(path, mmap_mode="r" if wanted.map else None, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise _refusal(error) from error
    if isinstance(values, Mapping):
        raise DataError("It is an .npz file by another name. Rename it.")
    samples, channels = named(values, wanted)
    return Found(recordings=(Recording(name=THIS, values=samples, channels=channels),))


def read_npz(path: Path, wanted: Wanted) -> Found:
    """Reads an `.npz` file: arrays X and y of many recordings, or one array a channel.

    Raises: DataError for pickled objects, a truncated file, or arrays that are no recordings.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            variables = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise _refusal(error) from error
    return from_variables(variables, wanted)


def _refusal(error: Exception) -> DataError:
    told = str(error)
    if "allow_pickle" in told or "Python objects" in told:
        return DataError(
            "It holds pickled objects, which can run any code when they are read, so they are never read. "
            "Save plain numbers: np.save(file, array.astype(float))."
        )
    return DataError(f"It is truncated or no NumPy file ({told}). Write it anew.")
