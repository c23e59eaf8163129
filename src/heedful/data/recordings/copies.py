"""Finds stretches of recordings that are exact copies of one in an earlier part, in bounded memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np

from heedful.data.recordings.noun import Recordings

_PREFIX = 32
_ROWS = 1 << 14


def copies(recordings: Recordings, units: Mapping[str, np.ndarray]) -> tuple[int, list[str]]:
    """Counts stretches that are exact copies of one in an earlier part; the same stretch in two parts is none.

    Of each stretch a hash of 64 bits is kept, first of its length and beginning; only those whose hash another part
    has too are read whole. In ten million stretches, two that differ have one hash with a chance of 3 in a million.

    Args:
        units: recording, start and stop of the stretches (n, 3) of each part, earlier parts first.

    Returns: how many there are, and the pairs of recordings that they lie in.

    >>> from heedful.data.recordings import Recording
    >>> items = [Recording(name=name, values=np.ones((1, 9))) for name in "ab"]
    >>> copies(Recordings(items=tuple(items)), {"train": np.array([[0, 0, 9]]), "test": np.array([[1, 0, 9]])})
    (1, ['b = a'])
    """
    heads = [_hashes(recordings, rows, _PREFIX) for rows in units.values()]
    shared = _in_several(heads)
    alike = [rows[np.isin(own, shared)] for rows, own in zip(units.values(), heads, strict=True)]
    whole = np.concatenate([_hashes(recordings, rows) for rows in alike]) if alike else np.empty(0, np.uint64)
    if not len(whole):
        return 0, []
    rows, parts = np.concatenate(alike), np.repeat(np.arange(len(alike)), [len(rows) for rows in alike])
    _, first, inverse = np.unique(whole, return_index=True, return_inverse=True)
    known = first[inverse]
    found = (parts[known] != parts) & (rows[known, :2] != rows[:, :2]).any(1)
    pairs = np.unique(np.column_stack([rows[found, 0], rows[known[found], 0]]), axis=0)
    return int(found.sum()), sorted(f"{recordings[a].name} = {recordings[b].name}" for a, b in pairs.tolist())


def _hashes(recordings: Recordings, rows: np.ndarray, most: int | None = None) -> np.ndarray:
    """Hashes each stretch, or its length and its first samples (n,)."""
    found = np.empty(len(rows), dtype=np.uint64)
    for place, (number, start, stop) in enumerate(_each(rows)):
        end = stop if most is None else min(stop, start + most)
        hashed = hashlib.blake2b((stop - start).to_bytes(8, "little"), digest_size=8)
        hashed.update(recordings[number].read(start, end).data)
        found[place] = int.from_bytes(hashed.digest(), "little")
    return found


def _each(rows: np.ndarray) -> Iterator[list[int]]:
    """Yields rows as whole numbers, without a list of all."""
    for at in range(0, len(rows), _ROWS):
        yield from rows[at : at + _ROWS].tolist()


def _in_several(hashes: list[np.ndarray]) -> np.ndarray:
    """Gives the hashes that more than one part has."""
    own, counts = np.unique(np.concatenate([np.unique(one) for one in hashes]), return_counts=True)
    several: np.ndarray = own[counts > 1]
    return several
