"""Records of finished work on disk: arrays and facts in one file each, complete or not there at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from heedful.files import write_whole

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Records:
    """A folder of records. Each carries the key that it was made by and a hash of its own content.

    One of another key, or half of one, is never taken for a finished record.

    >>> import tempfile
    >>> records = Records(Path(tempfile.mkdtemp()))
    >>> records.put("a", "made so", {"epochs": 3}, {"x": np.zeros(2)})
    >>> records.get("a", "made so")[0], records.get("a", "made otherwise")
    ({'epochs': 3}, None)
    """

    folder: Path

    def put(self, name: str, key: str, facts: Mapping[str, Any], arrays: Arrays) -> None:
        """Writes one record under a temporary name, then renames it; it replaces one of that name."""
        tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        said = json.dumps(facts)
        header = {"key": key, "facts": said, "digest": _digest(said, tensors)}
        write_whole(self._path(name), save(tensors, metadata=header))

    def get(self, name: str, key: str) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """Gives facts and arrays of a record; None if it is not there, not whole, or of another key."""
        path = self._path(name)
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata()
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):
            return None
        if not metadata or metadata.get("key") != key:
            return None
        if metadata.get("digest") != _digest(metadata.get("facts", ""), arrays):
            return None
        return json.loads(metadata["facts"]), arrays

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"


def _digest(facts: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(facts.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
