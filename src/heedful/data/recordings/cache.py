"""Recordings that cannot be used where they lie, converted once to files that can be memory-mapped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from heedful.data.recordings.mapping import mapped
from heedful.data.recordings.noun import Recording
from heedful.data.recordings.readers.common import Found, Wanted
from heedful.errors import DataError

VERSION = 2
STEP = 1 << 20
SAMPLES, ENTRY = "samples.bin", "entry.json"
Content = tuple[Iterable[Recording], tuple[str, ...], tuple[str, ...]]


def cache_folder(given: str | Path | None = None) -> Path:
    """Says where converted samples go: the folder given, else HEEDFUL_CACHE, else the user's cache folder.

    >>> cache_folder("here").name
    'here'
    """
    if given is not None:
        return Path(given).expanduser()
    if os.environ.get("HEEDFUL_CACHE"):
        return Path(os.environ["HEEDFUL_CACHE"]).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "heedful" / "cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "heedful"
    return Path(os.environ.get("XDG_CACHE_HOME", home / ".cache")) / "heedful"


def converted(path: Path, wanted: Wanted, read: Callable[[Path, Wanted], Found], folder: Path) -> Found:
    """Gives the recordings of a file from the cache; the first time, and when the file has changed, it is read.

    Args:
        read: reads the file.
        folder: of the cache.

    Raises: DataError of the reader, or if the cache cannot be written; then nothing new is in it.
    """
    entry = _entry(path, wanted, folder)
    if not (entry / ENTRY).is_file():
        write_entry(entry, lambda place: _content(read(path, replace(wanted, map=False, spill=place))))
        for old in folder.glob(f"{entry.name.split('-')[0]}-*"):
            if old != entry:
                shutil.rmtree(old, ignore_errors=True)
    return read_entry(entry)


def is_converted(path: Path, wanted: Wanted, folder: Path) -> bool:
    """Says whether the recordings of a file lie in the cache."""
    return (_entry(path, wanted, folder) / ENTRY).is_file()


def _entry(path: Path, wanted: Wanted, folder: Path) -> Path:
    """Names the entry by place, size, time of change and what is wanted of the file."""
    state = path.stat()
    asked = {name: value for name, value in asdict(wanted).items() if name not in ("map", "block", "spill")}
    file = _hash(path.resolve(), sorted(asked.items()))
    return folder / f"{file}-{_hash(VERSION, state.st_size, state.st_mtime_ns)}"


def _content(found: Found) -> Content:
    return found.recordings, found.problems, found.notes


def write_entry(entry: Path, make: Callable[[Path], Content]) -> None:
    """Writes an entry under another name and renames it when it is whole.

    Args:
        make: gives recordings, which are asked for one by one, problems and notes; it may use the folder it is given
            for files that need not stay.

    Raises: DataError if it cannot be written.
    """
    partial = entry.with_name(f".{entry.name}.{os.getpid()}.part")
    try:
        partial.mkdir(parents=True)
        items, problems, notes = make(partial)
        with (partial / SAMPLES).open("wb") as file:
            described = [_put(one, file) for one in items]
        del items  # some systems rename no folder with a mapped file in it
        whole = {"recordings": described, "problems": problems, "notes": notes}
        (partial / ENTRY).write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")
        for other in partial.iterdir():
            if other.name not in (SAMPLES, ENTRY):
                other.unlink()
        try:
            partial.rename(entry)
        except OSError:
            if not (entry / ENTRY).is_file():  # else another process was faster
                raise
    except OSError as error:
        raise DataError(
            f"Converted samples cannot be written to {entry.parent} ({error.strerror or error}). "
            "Give another folder: cache=..., or HEEDFUL_CACHE in the environment."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put(one: Recording, file: Any) -> dict[str, Any]:
    """Appends the samples of a recording, time first, and its targets, and gives what is known of it."""
    start = _aligned(file)
    for a in range(0, len(one), STEP):
        file.write(np.ascontiguousarray(one.values[:, a : a + STEP].T).data)
    targets = None
    if one.targets is not None:
        targets = _aligned(file)
        file.write(np.ascontiguousarray(one.targets, dtype=np.float64).data)
    fields = ("name", "scale", "rate", "label", "target", "group", "channels", "part")
    return {name: getattr(one, name) for name in fields} | {
        "facts": dict(one.facts),
        "type": one.values.dtype.str,
        "offset": start,
        "samples": len(one),
        "targets": targets,
    }


def _aligned(file: Any) -> int:
    """Goes on at the next multiple of 64 bytes and says where that is."""
    file.write(b"\0" * (-file.tell() % 64))
    return int(file.tell())


def read_entry(entry: Path) -> Found:
    """Gives the recordings of an entry, their samples memory-mapped.

    Raises: DataError for an entry that is damaged.
    """
    try:
        whole = json.loads((entry / ENTRY).read_text(encoding="utf-8"))
        memory = mapped(entry / SAMPLES)
        items = tuple(_taken(dict(one), memory) for one in whole["recordings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"The cache entry {entry} is damaged ({error}). Delete it; it is made anew.") from error
    return Found(recordings=items, problems=tuple(whole["problems"]), notes=tuple(whole["notes"]))


def _taken(known: dict[str, Any], memory: np.ndarray) -> Recording:
    offset, samples, kind = known.pop("offset"), known.pop("samples"), np.dtype(known.pop("type"))
    channels, behind = tuple(known.pop("channels")), known.pop("targets")
    stop = offset + samples * len(channels) * kind.itemsize
    values = memory[offset:stop].view(kind).reshape(samples, len(channels)).T
    targets = None if behind is None else memory[behind : behind + 8 * samples].view(np.float64)
    return Recording(values=values, channels=channels, targets=targets, **known)


def keep(make: Callable[[Path], Iterable[Recording]], folder: Path, key: Mapping[str, object]) -> tuple[Recording, ...]:
    """Gives recordings that a function makes, one by one, from the cache; the first time they are made."""
    entry = folder / f"made-{_hash(VERSION, sorted(key.items()))}"
    if not (entry / ENTRY).is_file():
        write_entry(entry, lambda place: (make(place), (), ()))
    return read_entry(entry).recordings


def _hash(*known: object) -> str:
    return hashlib.sha256(repr(known).encode()).hexdigest()[:20]
