"""Reads WAV files by SciPy."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from heedful.data.recordings.noun import Recording
from heedful.data.recordings.readers.common import THIS, Found, Wanted, chosen
from heedful.errors import DataError

FULL = {np.dtype("int16"): 1 << 15, np.dtype("int32"): 1 << 31}


def read_wav(path: Path, wanted: Wanted) -> Found:
    """Reads one recording of whole numbers or floats, memory-mapped if asked and if it can be.

    Unit:   full scale is 1: 16, 24 and 32 bits are multiplied by a power of two, 8 bits are centred.
    Raises: DataError for a truncated or damaged file.
    """
    rate, values = _read(path, wanted.map and can_map(path))
    if not values.size:
        raise DataError("It holds no sample. Leave the file out.")
    if values.dtype == np.uint8:
        values, scale = values.astype(np.int16) - np.int16(128), 1 / 128
    else:
        scale = 1 / FULL.get(values.dtype.newbyteorder("="), 1)
    samples, channels = chosen(values[None] if values.ndim == 1 else values.T, wanted)
    one = Recording(name=THIS, values=samples, channels=channels, scale=scale, rate=float(rate))
    return Found(recordings=(one,))


def can_map(path: Path) -> bool:
    """Says whether the samples lie in the file as they are used: 16 and 32 bits do, 8 and 24 do not."""
    try:
        return _read(path, True)[1].dtype != np.uint8
    except DataError:
        return False


def _read(path: Path, mapped: bool) -> tuple[int, np.ndarray]:
    from scipy.io import wavfile

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            rate, values = wavfile.read(path, mmap=mapped)
        except Exception as error:  # the parser raises whatever damaged bytes lead it to
            raise DataError(f"It is truncated or no WAV file ({error}). Write it anew.") from error
    early = [str(one.message) for one in told if "EOF" in str(one.message)]
    if early:
        raise DataError(f"It is truncated: {early[0].split(';')[-1].strip()}. Write it anew.")
    return int(rate), values
