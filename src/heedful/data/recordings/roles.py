"""Where label, group, target, rate, scale and part of a recording come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from heedful.data.recordings.files import PARTS, File
from heedful.data.recordings.noun import Recording
from heedful.data.recordings.readers.common import NAMES, THIS, Wanted, facts, number, text
from heedful.errors import DataError, unknown

FOLDER = "folder"
NAMELESS = (".npy", ".wav", ".ts")
ROLES = ("label", "group", "target", "rate", "scale", "part")


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The columns asked for, and which of them are known of the files from outside.

    Args:
        named: column of each role that was asked for; without "folder".
        outside: column of each role that index table or pattern hold, asked for or by an obvious name.
        folder: roles that the folders give.
    """

    named: Mapping[str, str]
    outside: Mapping[str, str]
    folder: tuple[str, ...] = ()

    def wanted(self, channels: tuple[str | int, ...] | None, block: int) -> Wanted:
        """Gives what a file itself is asked for."""
        rest = {role: name for role, name in self.named.items() if role not in self.outside}
        return replace(Wanted(channels=channels, block=block), **rest)  # type: ignore[arg-type]

    def settle(self, one: Recording, file: File) -> Recording:
        """Gives a recording its name and what is known of its file from outside, which goes first."""
        row = {role: file.row.get(column) for role, column in self.outside.items()}
        rest = {name: value for name, value in file.row.items() if name not in self.outside.values()}
        group = text(row.get("group")) or (one.group.replace(THIS, file.name, 1) if one.group else None)
        part = text(row.get("part")) or one.part or file.part or ""
        if "part" in self.named and part.lower() not in PARTS:
            raise DataError(
                f"'{self.named['part']}' has to say train, validation or test, got '{part}'. Leave part out, or mend "
                "it."
            )
        return replace(
            one,
            name=one.name.replace(THIS, file.name, 1),
            label=text(row.get("label")) or one.label,
            group=group,
            target=number(row["target"]) if "target" in row else one.target,
            targets=None if "target" in row else one.targets,
            rate=number(row.get("rate")) or one.rate,
            scale=number(row.get("scale")) or one.scale,
            part=PARTS.get(part.lower()),
            facts={**one.facts, **facts(rest)},
            source=str(file.path),
        )


def find_roles(asked: Mapping[str, Any], known: Sequence[str], where: str | None) -> Roles:
    """Decides which roles index table and pattern answer; the rest are looked up in the files.

    Args:
        asked: role to column name, or None.
        known: names of all that is known of the files from outside.
        where: what to call the index table.

    Raises: DataError for a name that is no text.

    >>> find_roles({"label": "fault", "rate": None}, ["fault", "fs_hz"], "records.csv").outside
    {'label': 'fault', 'rate': 'fs_hz'}
    """
    odd = next((role for role, name in asked.items() if name is not None and not isinstance(name, str)), None)
    if odd is not None:
        raise DataError(f"{odd} needs the name of a column of {where or 'the files'}, got {asked[odd]!r}.")
    folder = tuple(role for role in ("label", "group") if asked.get(role) == FOLDER)
    named = {role: str(name) for role, name in asked.items() if name is not None and role not in folder}
    lower = {name.strip().lower(): name for name in reversed(known)}
    outside = {}
    for role in ROLES:
        if role in named and named[role] in known:
            outside[role] = named[role]
        elif role not in named and role not in folder:
            column = next((lower[name] for name in NAMES[role] if name in lower), None)
            if column is not None and column not in named.values():
                outside[role] = column
    return Roles(named=named, outside=outside, folder=folder)


def check_named(roles: Roles, files: Sequence[File], known: Sequence[str]) -> None:
    """Checks that each column asked for can be there: outside, or in files of a format that has names.

    Raises: UnknownName for one that cannot.
    """
    if any(file.path.suffix.lower() not in NAMELESS for file in files):
        return
    for role, name in roles.named.items():
        if role not in roles.outside:
            raise unknown(f"column for the {role}", name, known)


def taken(roles: Roles, where: str | None) -> tuple[str, ...]:
    """Says which columns were taken by their names, without being asked for."""
    found = [f"{role} '{column}'" for role, column in roles.outside.items() if role not in roles.named]
    return (f"Taken by their names from {where or 'the pattern'}: {', '.join(found)}.",) if found else ()


def by_folders(
    items: Sequence[tuple[Recording, File]], roles: Roles, *, listed: bool
) -> tuple[list[Recording], list[str]]:
    """Takes label and group from the folders, where that was asked for or nothing else gives a label."""
    tops = {file.folders[:1] for _, file in items}
    own = not any(one.label for one, _ in items) and not any(one.has_target for one, _ in items)
    label = "label" in roles.folder or (
        own and not listed and "label" not in roles.named and () not in tops and len(tops) > 1
    )
    depth = 2 if label else 1
    deep = all(len(file.folders) >= depth for _, file in items)
    group = "group" in roles.folder or (label and deep and not any(one.group for one, _ in items))
    if group and not deep:
        raise DataError(
            f"group='folder' needs every file {depth} folders below the source, since "
            f"{'the first is the label' if label else 'a group is a folder'}. Name the group by pattern=... instead."
        )
    made = []
    for one, file in items:
        changed = replace(one, label=file.folders[0] if file.folders else None) if label else one
        made.append(replace(changed, group="/".join(file.folders[:depth])) if group else changed)
    notes = [
        f"{role.capitalize()}s are the names of the {which} folders."
        for role, which, used in (("label", "first", label), ("group", "second" if label else "first", group))
        if used
    ]
    return made, notes
