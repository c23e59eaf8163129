"""Which files a source holds, and what is known of each from outside: folder, file name, index table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from heedful.data.recordings.noun import Problem
from heedful.data.recordings.readers import READERS
from heedful.data.recordings.readers.common import NAMES, text
from heedful.data.table import read
from heedful.errors import DataError, OptionError

ASIDE = {"readme", "license", "licence", "changelog", "citation", "notes"}
TABLES = (".csv", ".tsv", ".xlsx", ".parquet", ".txt")
LARGEST_INDEX = 32 << 20
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PARTS |= dict.fromkeys(("validation", "valid", "val", "dev"), "validation")
"""What an index, an archive or a folder calls a part, and which it is."""
_ENDING = re.compile(r"(?i)_(train|test)$")
_HELD = re.compile(r"(?i)_(validation|valid|val|dev)$")


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a source.

    Args:
        name: its place below the source, without the ending.
        folders: the folders between the source and it.
        row: what index table and file name say of it.
        part: "train", "validation" or "test" by its name or folder.
    """

    path: Path
    name: str
    folders: tuple[str, ...] = ()
    row: Mapping[str, Any] = field(default_factory=dict)
    part: str | None = None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a source, what could not be found, and what was decided."""

    files: tuple[File, ...]
    name: str
    index: str | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def list_files(source: Path, *, index: str | Path | bool | None = None, pattern: str | None = None) -> Listing:
    """Lists the files of recordings in a folder and all below it, or one file.

    Args:
        index: table with a column of file names; None looks for one in the folder, False uses none.
        pattern: regular expression searched in each file's place below the source; what its named groups find is
            known of the file.

    Raises: DataError if there is no such source, or nothing in it that can be read.
    """
    if not source.exists():
        raise DataError(f"There is no file or folder '{source}'. Check the path.")
    if source.is_file():
        listing = _one_file(source)
    else:
        table = _index(source, index) if index is not False else None
        listing = _folder(source) if table is None else _listed(source, *table)
    listing = _parts(_one_format(listing))
    if not listing.files and not listing.problems:
        raise DataError(f"'{source}' holds no file of recordings. Read are: {', '.join(READERS)}.")
    return listing if pattern is None else _by_pattern(listing, source, pattern)


def _one_file(source: Path) -> Listing:
    if source.suffix.lower() not in READERS:
        raise DataError(f"'{source}' is of no kind that is read. Read are: {', '.join(READERS)}.")
    other = beside(source)
    notes = () if other is None else (f"{other.name} lies beside it and was not read: give the folder to read both.",)
    return Listing(files=(File(path=source, name=source.stem),), name=source.stem, notes=notes)


def beside(path: Path) -> Path | None:
    """Finds the test file of a train file, or the train file of a test file, if it lies there."""
    match = _ENDING.search(path.stem)
    swapped = {"TRAIN": "TEST", "TEST": "TRAIN", "train": "test", "test": "train"}.get(match[1] if match else "")
    if match is None or swapped is None:
        return None
    other = path.with_name(path.stem[: match.start(1)] + swapped + path.suffix)
    return other if other.is_file() else None


def _folder(source: Path) -> Listing:
    files, left = [], 0
    for path in sorted(source.rglob("*")):
        place = path.relative_to(source)
        if not path.is_file() or any(step.startswith((".", "__MACOSX")) for step in place.parts):
            continue
        if path.suffix.lower() not in READERS or path.stem.lower() in ASIDE:
            left += 1
            continue
        files.append(File(path=path, name=place.with_suffix("").as_posix(), folders=place.parts[:-1]))
    notes = (f"{left} files of other kinds were left out.",) if left else ()
    return Listing(files=tuple(files), name=source.resolve().name, notes=notes)


# --- index tables -----------------------------------------------------------------------------------


def _index(source: Path, given: str | Path | bool | None) -> tuple[Path, pd.DataFrame, str] | None:
    """Finds the index table: the one given, or the one in the folder whose column of names names files."""
    if given is not None and not isinstance(given, bool):
        path = next((p for p in (Path(given).expanduser(), source / given) if p.is_file()), None)
        if path is None:
            raise DataError(f"There is no index table '{given}', here or in '{source}'. Check the path.")
        frame = read(path).frame
        column = _file_column(frame)
        if column is None:
            raise DataError(f"The index '{path}' needs a column of file names: {', '.join(NAMES['file'])}.")
        return path, frame, column
    found = []
    for path in sorted(p for p in source.iterdir() if p.suffix.lower() in TABLES and p.is_file()):
        if path.stat().st_size > LARGEST_INDEX or path.name.startswith(".") or not _may_index(path):
            continue
        try:
            frame = read(path).frame
        except DataError:
            continue
        column = _file_column(frame)
        if column is not None and any(_named(source, text(name) or "") for name in frame[column].iloc[:20]):
            found.append((path, frame, column))
    if len(found) > 1:
        names = ", ".join(path.name for path, _, _ in found)
        raise DataError(f"'{source}' holds more than one index table: {names}. Name one: index=..., or index=False.")
    return found[0] if found else None


def _named(folder: Path, name: str) -> Path | None:
    """Finds the file of an index's name, also where the index leaves out the ending."""
    return next((path for end in ("", *READERS) if (path := folder / f"{name}{end}").is_file()), None)


def _may_index(path: Path) -> bool:
    """Says by a text file's first line whether it can have a column of file names."""
    if path.suffix.lower() in (".xlsx", ".parquet"):
        return True
    with path.open("rb") as file:
        words = re.split(rb"[^a-z_]+", file.readline(4096).lower())
    return any(name.encode() in words for name in NAMES["file"])


def _file_column(frame: pd.DataFrame) -> str | None:
    lower = {str(column).strip().lower(): str(column) for column in frame.columns}
    return next((lower[name] for name in NAMES["file"] if name in lower), None)


def _listed(source: Path, path: Path, frame: pd.DataFrame, column: str) -> Listing:
    """Takes the files that an index names, each with its row."""
    files, problems = [], []
    seen: set[Path] = set()
    rows = frame.drop(columns=column).to_dict("records")
    for name, row in zip((text(one) or "" for one in frame[column]), rows, strict=True):
        file = _named(path.parent, name)
        if file is None:
            problems.append(Problem(file=name, text=f"It is listed in {path.name}, but is not there."))
        elif file.suffix.lower() not in READERS:
            problems.append(Problem(file=name, text=f"It is of no kind that is read: {', '.join(READERS)}."))
        elif file in seen:
            problems.append(Problem(file=name, text=f"{path.name} lists it more than once; its first row is used."))
        else:
            seen.add(file)
            place = Path(name).parent / file.name
            known = {str(key): value for key, value in row.items()}
            files.append(File(path=file, name=place.with_suffix("").as_posix(), folders=place.parts[:-1], row=known))
    others = {p for p in source.rglob("*") if p.suffix.lower() in READERS and p.is_file()} - seen - {path}
    notes = [f"{path.name} says what is known of {len(files)} files."]
    if others:
        notes.append(f"{len(others)} files that it does not list were left out.")
    return Listing(
        files=tuple(files), name=source.resolve().name, index=path.name, problems=tuple(problems), notes=tuple(notes)
    )


# --- names ------------------------------------------------------------------------------------------


def _one_format(listing: Listing) -> Listing:
    """Takes each recording once where it lies there in several formats, as the archives' folders have it."""
    order = list(READERS)
    best: dict[str, File] = {}
    for file in listing.files:
        known = best.get(file.name)
        if known is None or order.index(file.path.suffix.lower()) < order.index(known.path.suffix.lower()):
            best[file.name] = file
    twice = len(listing.files) - len(best)
    if not twice:
        return listing
    note = f"{twice} files were left out because the same name lies there in another format."
    return replace(listing, files=tuple(best.values()), notes=(*listing.notes, note))


def _parts(listing: Listing) -> Listing:
    """Finds the parts in the first folders where these are nothing else, or in the ends of names.

    An end such as `_dev` is a part only beside names that end in `_train`.
    """
    tops = {file.folders[0].lower() if file.folders else "" for file in listing.files}
    parted = bool(tops) and tops <= set(PARTS)
    trained = any((end := _ENDING.search(file.path.stem)) and end[1].lower() == "train" for file in listing.files)
    files = []
    for file in listing.files:
        ending = _ENDING.search(file.path.stem) or (_HELD.search(file.path.stem) if trained else None)
        part = PARTS[file.folders[0].lower()] if parted else PARTS[ending[1].lower()] if ending else None
        files.append(replace(file, part=part, folders=file.folders[1:] if parted else file.folders))
    return replace(listing, files=tuple(files))


def _by_pattern(listing: Listing, source: Path, pattern: str) -> Listing:
    """Adds what a pattern finds in the names to what is known of each file."""
    try:
        search = re.compile(pattern)
    except re.error as error:
        raise OptionError(f"pattern={pattern!r} is no regular expression ({error}). Mend it.") from error
    if not search.groupindex:
        raise OptionError(
            f"pattern={pattern!r} needs named groups, such as (?P<label>[A-Z]+) or (?P<group>\\d+). Name what it finds."
        )
    files, problems = [], list(listing.problems)
    for file in listing.files:
        place = f"{file.name}{file.path.suffix}"
        match = search.search(place)
        if match is None:
            problems.append(Problem(file=place, text="The pattern does not match its name. Widen the pattern."))
        else:
            files.append(replace(file, row={**file.row, **match.groupdict()}))
    if not files:
        raise DataError(f"pattern={pattern!r} matches no file of '{source}', such as {problems[0].file}. Mend it.")
    return replace(listing, files=tuple(files), problems=tuple(problems))


def known(files: Iterable[File]) -> tuple[str, ...]:
    """Gives the names of all that is known of files from outside."""
    return tuple(dict.fromkeys(name for file in files for name in file.row))
