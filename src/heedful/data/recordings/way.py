"""How the samples of files come into reach: held in memory, mapped where they lie, or converted once and mapped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from heedful.data.recordings.cache import converted, is_converted
from heedful.data.recordings.mapping import unopened
from heedful.data.recordings.readers import Found, Wanted, maps, read_file


@dataclass(frozen=True, kw_only=True)
class Way:
    """What is held in memory at most, and where converted samples go.

    Args:
        memory: bytes of files up to which all samples are held in memory.
        folder: of the cache.
        say: told before files are converted.
    """

    memory: int
    folder: Path
    say: Callable[[str], object] | None = None

    def choose(self, paths: Sequence[Path], wanted: Wanted) -> tuple[Callable[[Path], Found], list[str]]:
        """Gives the function that reads each of these files, and notes of what it does."""
        total = sum(path.stat().st_size for path in paths)
        if total <= self.memory:
            return lambda path: read_file(path, wanted), []
        there = {path for path in paths if maps(path)}
        rest = [path for path in paths if path not in there]
        new = [path for path in rest if not is_converted(path, wanted, self.folder)]
        if new and self.say is not None:
            size = sum(path.stat().st_size for path in new)
            self.say(f"Converting {len(new)} files, {size / 1e6:,.0f} MB, once to {self.folder}.")

        def open_file(path: Path) -> Found:
            if path not in there:
                return converted(path, wanted, read_file, self.folder)
            found = read_file(path, replace(wanted, map=True))
            return replace(
                found, recordings=tuple(replace(one, values=unopened(one.values)) for one in found.recordings)
            )

        notes = [f"{total / 1e6:,.0f} MB: {len(there)} files are memory-mapped where they lie."]
        if rest:
            notes.append(f"{len(rest)} files were converted to {self.folder}; deleting it costs only time.")
        return open_file, notes
