"""Reads the text files of the UCR archive: one case a row, its class first."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from heedful.data.recordings.noun import Recording
from heedful.data.recordings.readers.common import THIS, Found, Wanted, chosen, text
from heedful.errors import DataError

ENDING = re.compile(r"_(TRAIN|TEST)$")


def is_ucr(path: Path) -> bool:
    """Says whether a text file is one of the archive's: NAME_TRAIN or NAME_TEST, and nothing but numbers in row 1."""
    if not ENDING.search(path.stem):
        return False
    with path.open("rb") as file:
        cells = re.split(rb"[\s,]+", file.readline().strip())
    try:
        return len([float(cell) for cell in cells]) > 1
    except ValueError:
        return False


def read_ucr(path: Path, wanted: Wanted) -> Found:
    """Reads cases of one channel; missing values at the end of a row mean that the case is shorter.

    Raises: DataError with the line for a row of another width or a value that is no number.
    """
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    rows: list[tuple[int, np.ndarray]] = []
    for place, line in enumerate(lines, 1):
        cells = re.split(r"[\t ,]+", line.strip())
        if cells == [""]:
            continue
        try:
            rows.append((place, np.array([cell.replace("?", "nan") for cell in cells], dtype=np.float64)))
        except ValueError as error:
            raise DataError(f"Line {place} holds a value that is no number ({error}).") from error
        if len(rows[-1][1]) != len(rows[0][1]):
            raise DataError(
                f"Line {place} has {len(cells)} cells, not {len(rows[0][1])} as the first. It is truncated."
            )
    digits = len(str(len(rows) - 1))
    return Found(
        recordings=tuple(_case(row, place, f"{THIS}#{i:0{digits}d}", wanted) for i, (place, row) in enumerate(rows))
    )


def _case(row: np.ndarray, place: int, name: str, wanted: Wanted) -> Recording:
    real = np.flatnonzero(~np.isnan(row[1:]))
    if not len(real):
        raise DataError(f"Line {place} holds no value. Leave the case out.")
    samples, channels = chosen(row[None, 1 : real[-1] + 2].astype(np.float32), wanted)
    return Recording(name=name, values=samples, channels=channels, label=text(row[0]))
