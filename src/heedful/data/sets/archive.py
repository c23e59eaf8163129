"""Public recordings, downloaded when asked for: the Case Western bearings and the sets of the UCR and UEA archives."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from heedful.data.recordings.cache import cache_folder
from heedful.errors import DataError, OptionError, unknown
from heedful.files import write_whole

CWRU_URL = "https://engineering.case.edu/sites/default/files/"
UCR_URL = "https://timeseriesclassification.com/aeon-toolkit/"
SUMS = "sha256.txt"
_LOADS = (0, 1, 2, 3)
_BEARINGS: dict[str, tuple[str, int, Sequence[int]]] = {
    "normal": ("N", 0, (97, 98, 99, 100)),
    "IR007": ("IR", 7, (105, 106, 107, 108)),
    "B007": ("B", 7, (118, 119, 120, 121)),
    "OR007@6": ("OR", 7, (130, 131, 132, 133)),
    "OR007@3": ("OR", 7, (144, 145, 146, 147)),
    "OR007@12": ("OR", 7, (156, 158, 159, 160)),
    "IR014": ("IR", 14, (169, 170, 171, 172)),
    "B014": ("B", 14, (185, 186, 187, 188)),
    "OR014@6": ("OR", 14, (197, 198, 199, 200)),
    "IR021": ("IR", 21, (209, 210, 211, 212)),
    "B021": ("B", 21, (222, 223, 224, 225)),
    "OR021@6": ("OR", 21, (234, 235, 236, 237)),
    "OR021@3": ("OR", 21, (246, 247, 248, 249)),
    "OR021@12": ("OR", 21, (258, 259, 260, 261)),
    "IR028": ("IR", 28, (3001, 3002, 3003, 3004)),
    "B028": ("B", 28, (3005, 3006, 3007, 3008)),
}
"""Bearing: fault, its diameter in mils, and the numbers of its records at 0 to 3 hp; drive end, the "12k" list."""


def fetch_cwru(
    folder: str | Path | None = None,
    *,
    bearings: Sequence[str] | None = None,
    sums: Mapping[str, str] | str | Path | None = None,
    url: str = CWRU_URL,
    say: Callable[[str], object] | None = None,
) -> Path:
    """Downloads drive-end records of the Bearing Data Center (Case Western Reserve University), and writes an index.

    Read them by `read_recordings(folder, label="fault", group="bearing", rate=12000)`. The four healthy records are
    48 kHz, whatever the list they stand in says, and are of one bearing; the others are 12 kHz.

    Args:
        folder: where to put them; by default below the cache folder.
        bearings: which, such as "normal" and "IR007"; by default all sixteen.
        sums: known SHA-256 by file name, as a mapping or a file of lines "SUM NAME". The Data Center publishes none,
            so without it the sums of what came are written to sha256.txt, and a later download has to match them.
        url: where the files lie.
        say: told what is downloaded.

    Raises: UnknownName for another bearing; DataError if a file cannot be had whole or its sum is another.
    """
    wanted = list(_BEARINGS) if bearings is None else list(bearings)
    for bearing in wanted:
        if bearing not in _BEARINGS:
            raise unknown("bearing", bearing, _BEARINGS)
    place = _place(folder, "cwru")
    rows = ["file,fault,bearing,diameter_mil,load_hp,rate"]
    for bearing in wanted:
        fault, diameter, records = _BEARINGS[bearing]
        for load, record in zip(_LOADS, records, strict=True):
            name = f"{record}.mat"
            _download(url, name, place, _sums(sums, place), say, check=_matlab)
            rows.append(f"{name},{fault},{bearing},{diameter},{load},{48000 if fault == 'N' else 12000}")
    write_whole(place / "records.csv", "\n".join(rows) + "\n")
    return place


def fetch_ucr(
    name: str,
    folder: str | Path | None = None,
    *,
    sums: Mapping[str, str] | str | Path | None = None,
    url: str = UCR_URL,
    say: Callable[[str], object] | None = None,
) -> Path:
    """Downloads a set of the UCR or UEA archive, such as GunPoint, and unpacks its two `.ts` files.

    Args:
        name: as the archive writes it.
        folder: where to put its folder; by default below the cache folder.
        sums: known SHA-256 of NAME.zip, as in `fetch_cwru`; the archive publishes none.
        url: where the files lie.
        say: told what is downloaded.

    Raises: DataError if the archive cannot be had whole, its sum is another, or it does not hold the two files.
    """
    if not name.isidentifier():
        raise OptionError(f"'{name}' is no name of a set. Write it as the archive does, such as GunPoint.")
    place = _place(folder, "ucr") / name
    files = [place / f"{name}_{part}.ts" for part in ("TRAIN", "TEST")]
    if all(file.is_file() for file in files):
        return place
    packed = _download(url, f"{name}.zip", place, _sums(sums, place), say, check=_zip)
    try:
        with zipfile.ZipFile(packed) as archive:
            inside = {Path(one).name: one for one in archive.namelist()}
            lacks = [file.name for file in files if file.name not in inside]
            if lacks:
                raise DataError(f"{name}.zip does not hold {' and '.join(lacks)}, so it cannot be read as a set.")
            for file in files:
                write_whole(file, archive.read(inside[file.name]))
    except zipfile.BadZipFile as error:
        raise DataError(f"{name}.zip is damaged ({error}). Try again.") from error
    finally:
        packed.unlink(missing_ok=True)
    return place


def _place(folder: str | Path | None, name: str) -> Path:
    return cache_folder() / "sets" / name if folder is None else Path(folder).expanduser()


def _download(
    url: str,
    name: str,
    place: Path,
    known: Mapping[str, str],
    say: Callable[[str], object] | None,
    check: Callable[[Path], bool],
) -> Path:
    """Gives a file that is there, or downloads it; what is not whole or not what it should be never gets its name."""
    path, address = place / name, url.rstrip("/") + "/" + name
    if path.is_file() and (name not in known or _sum(path) == known[name]):
        return path
    pooch = _pooch()
    if say is not None:
        say(f"Downloading {address}.")
    try:
        with _quiet(pooch):
            came = Path(pooch.retrieve(address, known.get(name), fname=f".{name}.part", path=place))
    except ValueError as error:  # what pooch raises for another sum; it has removed what came
        raise DataError(
            f"{address} is not the file that is known: its SHA-256 is not {known.get(name)}. "
            f"If it may have changed, take it out of the sums given or of {place / SUMS}."
        ) from error
    except OSError as error:
        raise DataError(
            f"{address} cannot be downloaded ({error}). Check name and connection, or put the file to {path} by hand."
        ) from error
    try:
        if not check(came):
            raise DataError(f"{address} answered with something else than a file of this kind. Download it by hand.")
        _note(place, name, _sum(came))
        came.replace(path)
    finally:
        came.unlink(missing_ok=True)
    return path


def _pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise DataError("Downloads need pooch. Install it: pip install heedful[data]") from error
    return pooch


@contextmanager
def _quiet(pooch: Any) -> Iterator[None]:
    """Keeps pooch from printing the sum of every file; it is written to a file instead."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _sums(given: Mapping[str, str] | str | Path | None, place: Path) -> dict[str, str]:
    """Gives the known sums: those given, else those of an earlier download."""
    if isinstance(given, Mapping):
        return dict(given)
    path = Path(given) if given is not None else place / SUMS
    if given is None and not path.is_file():
        return {}
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise DataError(f"The sums '{path}' cannot be read ({error.strerror}). Check the path.") from error
    if not all(len(line) == 2 and len(line[0]) == 64 for line in lines):
        raise DataError(f"The sums '{path}' need lines of a SHA-256 and a file name. Mend it.")
    return {name: found for found, name in lines}


def _note(place: Path, name: str, found: str) -> None:
    known = _sums(None, place) | {name: found}
    write_whole(place / SUMS, "".join(f"{known[key]}  {key}\n" for key in sorted(known)))


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _matlab(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(10) == b"MATLAB 5.0"


def _zip(path: Path) -> bool:
    return zipfile.is_zipfile(path)
