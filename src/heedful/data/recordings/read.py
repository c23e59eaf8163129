"""Reads recordings as people keep them: folders of files, an index beside them, one long table, archives, arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from heedful.data.recordings.arrays import from_arrays
from heedful.data.recordings.cache import cache_folder
from heedful.data.recordings.files import File, Listing, known, list_files
from heedful.data.recordings.noun import Problem, Recording, Recordings
from heedful.data.recordings.readers import THIS, Wanted
from heedful.data.recordings.resample import MEMORY, resample
from heedful.data.recordings.roles import Roles, by_folders, check_named, find_roles, taken
from heedful.data.recordings.usable import finite, labelled, same_channels, steady, told
from heedful.data.recordings.way import Way
from heedful.errors import DataError, HeedfulError, OptionError, unknown

SAMPLES = {"bearings": ("heedful.data.sets.bearings", "bearings")}
"""Recordings that come with the package: module and function, loaded when asked for."""

UNLABELLED = ("drop", "keep")


def read_recordings(
    source: Any,
    *,
    label: Any = None,
    group: Any = None,
    target: Any = None,
    channels: str | int | Sequence[str | int] | None = None,
    rate: float | str | None = None,
    scale: float | str | None = None,
    part: Any = None,
    recording: str | None = None,
    index: str | Path | bool | None = None,
    pattern: str | None = None,
    unlabelled: str = "drop",
    memory: int = MEMORY,
    cache: str | Path | None = None,
    say: Callable[[str], object] | None = None,
) -> Recordings:
    """Reads recordings from a file, a folder and all below it, a sample's name, or arrays.

    Label, group, target, rate, scale and part are looked up by the name given, else by obvious names, first in what
    is known of a file from outside (the index table, the pattern), then in the file itself; without any of them,
    sub-folders are the labels. What cannot be used is listed in `problems`, and the rest is read.

    Args:
        source: path, name of a sample, arrays (a list, or three axes with many recordings), or `Recordings`.
        label: column of the class, "folder", or for arrays the labels themselves.
        group: column of what must not be split, "folder" (the one below the label's), or for arrays the groups.
        target: column of the number to tell, or for arrays the numbers. Where it takes a few values in a table, the
            table is cut there; where it takes many, such as the life that is left, each sample has its own.
        channels: columns, variables or positions to read; for arrays that have no names, what to call them.
        rate: samples a second; recordings of another rate are resampled to it. Or the column that holds it.
        scale: what stored numbers are multiplied by, or the column that holds it.
        part: column that says train, validation (or val, valid, dev) or test; for arrays the parts themselves.
        recording: column that tells recordings in one table apart.
        index: table with a column of file names; by default the one in the folder, False for none.
        pattern: regular expression searched in each file's place below the source; its named groups, such as
            `(?P<label>[A-Z]+)\\d+_(?P<group>\\w+)`, are known of the file as the columns of an index are.
        unlabelled: "drop" leaves out recordings without the label or target asked for, or, if none was, that others
            have; "keep" reads them too, as is done to predict.
        memory: bytes of files up to which samples are held in memory; above, files are memory-mapped where they lie or
            converted once to the cache.
        cache: folder of converted samples; by default HEEDFUL_CACHE, or the user's cache folder.
        say: told what takes long.

    Raises: DataError with every reason if nothing can be used, UnknownName for a column that is nowhere,
        OptionError for what is asked of a source that does not have it.

    >>> import numpy as np
    >>> made = read_recordings([np.zeros((2, 50)), np.ones((2, 60))], label=["a", "b"], rate=10)
    >>> [(one.name, one.label, one.values.shape) for one in made.items]
    [('0', 'a', (2, 50)), ('1', 'b', (2, 60))]
    """
    if unlabelled not in UNLABELLED:
        raise unknown("way with recordings without a label", unlabelled, UNLABELLED)
    wanted_rate = None if isinstance(rate, str) or rate is None else float(rate)
    columns: dict[str, Any] = {"rate": rate if wanted_rate is None else None, "scale": scale, "recording": recording}
    columns |= {"index": index, "pattern": pattern}
    if isinstance(source, Recordings):
        _unused("Recordings", {**columns, "label": label, "group": group, "target": target, "channels": channels})
        found = source
    elif not isinstance(source, (str, Path)):
        _unused("arrays", columns)
        found = from_arrays(source, label=label, group=group, target=target, part=part, channels=_tuple(channels))
    elif (sample := _sample(source)) is not None:
        _unused(f"the sample {source}", {**columns, "label": label, "group": group, "target": target})
        found = sample
    else:
        number = None if isinstance(scale, str) or scale is None else float(scale)
        asked = {"label": label, "group": group, "target": target, "part": part, "recording": recording}
        asked |= {"rate": rate if wanted_rate is None else None, "scale": scale if number is None else None}
        listing = list_files(Path(source).expanduser(), index=index, pattern=pattern)
        way = Way(memory=memory, folder=cache_folder(cache), say=say)
        found = _read(listing, asked, _tuple(channels), way, keep=unlabelled == "keep")
        if number is not None:
            found = replace(found, items=tuple(replace(one, scale=number) for one in found.items))
    return _at_rate(found, wanted_rate, memory, cache)


def _unused(source: str, given: dict[str, Any]) -> None:
    """Refuses options that mean nothing for a source, rather than leave them unused."""
    odd = [name for name, value in given.items() if value is not None and value is not False]
    if odd:
        raise OptionError(f"{', '.join(odd)} cannot be used with {source}: it names what files hold. Leave it out.")


def _tuple(channels: str | int | Sequence[str | int] | None) -> tuple[str | int, ...] | None:
    if channels is None:
        return None
    if isinstance(channels, str):
        return tuple(one.strip() for one in channels.split(",")) if "," in channels else (channels,)
    return (channels,) if isinstance(channels, int) else tuple(channels)


def _sample(source: str | Path) -> Recordings | None:
    """Gives the sample of that name, unless a file of that name lies there."""
    if isinstance(source, Path) or source not in SAMPLES or Path(source).exists():
        return None
    module, function = SAMPLES[source]
    made: Recordings = getattr(import_module(module), function)()
    return made


def _at_rate(found: Recordings, rate: float | None, memory: int, cache: str | Path | None) -> Recordings:
    """Brings all recordings to the rate asked for; those whose rate is unknown are taken to have it."""
    if rate is not None:
        if any(one.rate is None for one in found.items):
            found = replace(found, items=tuple(replace(one, rate=one.rate or rate) for one in found.items))
        return resample(found, rate, memory=memory, cache=cache)
    counts = Counter(one.rate for one in found.items)
    if len(counts) == 1:
        return found
    told = ", ".join(f"{count} of {'unknown rate' if was is None else f'{was:g} Hz'}" for was, count in counts.items())
    note = (
        f"Mixed rates: {told}. A network sees other frequencies at another rate, so the rate may give the class away. "
        f"Bring all to one: rate={min(was for was in counts if was):g}."
    )
    return replace(found, notes=(*found.notes, note))


def _read(
    listing: Listing,
    asked: dict[str, Any],
    channels: tuple[str | int, ...] | None,
    way: Way,
    *,
    keep: bool,
) -> Recordings:
    roles = find_roles(asked, known(listing.files), listing.index)
    check_named(roles, listing.files, known(listing.files))
    block = max(1 << 19, min(32 << 20, way.memory // 8))
    wanted = replace(roles.wanted(channels, block), unlabelled=keep)
    pairs, problems, notes = _opened(listing, roles, wanted, way)
    pairs, other = same_channels(pairs)
    items, folders = by_folders(pairs, roles, listed=listing.index is not None)
    items, without = (items, []) if keep else labelled(items, asked={*roles.named, *roles.folder})
    items, odd, gaps = finite(items)
    problems += [*other, *without, *odd]
    if not items:
        raise DataError(_nothing(listing.name, problems))
    return Recordings(
        items=tuple(sorted(items, key=lambda one: one.name)),
        name=listing.name,
        notes=(*listing.notes, *taken(roles, listing.index), *folders, *notes, *told(gaps), *steady(items)),
        problems=tuple(problems),
    )


def _opened(
    listing: Listing, roles: Roles, wanted: Wanted, way: Way
) -> tuple[list[tuple[Recording, File]], list[Problem], list[str]]:
    """Reads all files; one that cannot be used is told and the next one read."""
    open_file, notes = way.choose([file.path for file in listing.files], wanted)
    pairs: list[tuple[Recording, File]] = []
    problems, said = list(listing.problems), Counter[str]()
    for file in listing.files:
        place = f"{file.name}{file.path.suffix}"
        try:
            found = open_file(file.path)
            pairs += [(roles.settle(one, file), file) for one in found.recordings]
        except HeedfulError as error:
            problems.append(Problem(file=place, text=str(error).replace(THIS, file.name)))
            continue
        problems += [Problem(file=place, text=one) for one in found.problems]
        said.update(found.notes)
    notes += [one if len(listing.files) == 1 else f"{one} ({count} files)" for one, count in said.items()]
    return pairs, problems, notes


def _nothing(name: str, problems: Sequence[Problem]) -> str:
    first = "\n".join(f"  {one}" for one in problems[:20])
    rest = f"\n  and {len(problems) - 20} more" if len(problems) > 20 else ""
    return f"'{name}' holds no recording that can be used:\n{first}{rest}"
