"""A trained model in one folder: model.safetensors and bundle.json, sealed by checksums. Never pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from heedful.errors import DataError
from heedful.files import write_whole

WEIGHTS, FACTS = "model.safetensors", "bundle.json"
FILES = (WEIGHTS, FACTS)
_LISTED = 8
_BROKEN = (KeyError, TypeError, AttributeError, ValueError, SafetensorError, ValidationError)


def write(folder: str | Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
    """Writes weights and facts; both files get their names only when they are complete.

    Args:
        tensors: by name; one that two names share is written twice.
        facts: what JSON can hold, with the number of the "format".

    Raises: DataError if the folder cannot be written.
    """
    folder = Path(folder)
    weights = save({name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()})
    told = {**facts, "weights_sha256": hashlib.sha256(weights).hexdigest()}
    told["sha256"] = digest(told)
    for name, content in ((WEIGHTS, weights), (FACTS, json.dumps(told, indent=1).encode())):
        write_whole(folder / name, content)
    return folder


def read(folder: str | Path, format: int, again: str) -> tuple[dict[str, Any], dict[str, Tensor]]:  # noqa: A002
    """Reads what `write` wrote without executing anything: the facts and the tensors.

    Args:
        format: the one that is understood.
        again: the commands that write a new one.

    Raises: DataError if it is missing, truncated, edited, or of an earlier or later format; for a folder of several
            bundles, or beside some, it names them.
    """
    folder = Path(folder)
    if not (folder / FACTS).exists() and (others := _near(folder)):
        raise DataError(
            f"A bundle needs the folder that holds {WEIGHTS} and {FACTS}, and {folder} is none. "
            f"Give one of these: {', '.join(map(str, others[:_LISTED]))}"
            f"{f' and {len(others) - _LISTED:,} more' if len(others) > _LISTED else ''}."
        )
    weights, text = _bytes(folder / WEIGHTS), _bytes(folder / FACTS)
    try:
        told = json.loads(text)
        _check_format(told["format"], format, again, folder)
        if told.pop("sha256") != digest(told) or told["weights_sha256"] != hashlib.sha256(weights).hexdigest():
            raise DataError(
                f"{folder} is not as it was written: the checksum of its files differs. "
                "It was truncated or edited; write it again or take a fresh copy."
            )
        return told, load(weights)
    except _BROKEN as error:
        raise unreadable(folder, error) from error


def unreadable(folder: Path, error: Exception) -> DataError:
    """Gives the error of a folder whose facts do not fit; a DataError stays what it is."""
    if isinstance(error, DataError):
        return error
    return DataError(
        f"{folder} is not a readable bundle ({type(error).__name__}). "
        "It was truncated or edited; write it again or take a fresh copy."
    )


def facts_of(folder: str | Path) -> dict[str, Any] | None:
    """Gives the facts of a folder that holds a bundle, of this format or another one; None for any other folder."""
    try:
        told = json.loads((Path(folder) / FACTS).read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) and {"format", "weights_sha256"} <= told.keys() else None


def digest(facts: Mapping[str, Any]) -> str:
    """Gives the hash of facts, whatever their order.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _check_format(found: Any, known: int, again: str, folder: Path) -> None:
    if found > known:
        raise DataError(
            f"{folder} was written by a later Heedful (format {found}, this one reads {known}). "
            "Install a newer Heedful."
        )
    if found < known:
        raise DataError(
            f"{folder} was written by an earlier Heedful (format {found}, this one reads {known}), whose bundles do "
            f"not say all that is needed now. Train it again with {again}."
        )


def _near(folder: Path) -> list[Path]:
    """Finds the bundles below a folder, as a comparison keeps them, or beside one that is not there."""
    there = next((place for place in (folder, *folder.parents[:2]) if place.is_dir()), folder)
    depths = ("*", "*/*", "*/*/*", "*/*/*/*") if there == folder else ("*", "*/*")
    return sorted(path.parent for depth in depths for path in there.glob(f"{depth}/{FACTS}"))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"A bundle needs the file {path}, which cannot be read ({error.strerror}). "
            "Give the folder that holds model.safetensors and bundle.json."
        ) from error
