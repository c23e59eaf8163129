"""Finished trials on recordings on disk, so that a classification can be continued and can grow."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from heedful.signals.result import SignalTrial
from heedful.train.fitted import Epoch
from heedful.trial import lock
from heedful.trial.records import Records
from heedful.trial.result import RecordedMap
from heedful.trial.store import open_folder

_FORMAT = 1  # of a record; an earlier one is trained again
Name = tuple[str, int | None, str]


@dataclass(frozen=True, kw_only=True)
class SignalStore:
    """A folder of trials on the same recordings, one record each; as `heedful.trial.store.Store`.

    Args:
        key: hash of what all trials of the folder share.
        made: says of each trial that is asked for what decides it beside that.
        held: keeps other runs out of the folder until `close`.
    """

    folder: Path
    key: str
    made: Mapping[Name, str] = field(default_factory=dict)
    held: lock.Lock | None = None

    def close(self) -> None:
        """Lets other runs into the folder."""
        if self.held is not None:
            self.held.release()

    def key_of(self, model: str, seed: int | None, fold: str) -> str:
        """Gives the hash of all that decides a trial."""
        decisive = [_FORMAT, self.key, model, seed, fold, self.made.get((model, seed, fold), "")]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:32]

    def write(self, trial: SignalTrial) -> None:
        """Writes one trial; it replaces one that was made otherwise, and a finished one is left as it stands."""
        name: Name = (trial.model, trial.seed, trial.fold)
        if self.read(*name) is not None:
            return
        arrays = {"validation": trial.validation, "test": trial.test}
        arrays |= {f"map{i}": one.weights for i, one in enumerate(trial.maps)}
        facts: dict[str, Any] = {
            "history": [asdict(epoch) for epoch in trial.history],
            "maps": [{"name": one.name, "axes": list(one.axes), "first": one.first} for one in trial.maps],
            "notes": list(trial.notes),
            **{name: getattr(trial, name) for name in _PLAIN},
        }
        self._records.put(_stem(*name), self.key_of(*name), facts, arrays)

    def read(self, model: str, seed: int | None, fold: str) -> SignalTrial | None:
        """Gives a finished trial; None if it is not there, not whole, or was made otherwise than it is asked for."""
        found = self._records.get(_stem(model, seed, fold), self.key_of(model, seed, fold))
        if found is None:
            return None
        facts, arrays = found
        return SignalTrial(
            validation=arrays["validation"],
            test=arrays["test"],
            history=tuple(Epoch(**epoch) for epoch in facts["history"]),
            notes=tuple(facts["notes"]),
            maps=tuple(
                RecordedMap(name=one["name"], axes=tuple(one["axes"]), first=one["first"], weights=arrays[f"map{i}"])
                for i, one in enumerate(facts["maps"])
            ),
            **{name: facts[name] for name in _PLAIN},
        )

    @property
    def _records(self) -> Records:
        return Records(self.folder / "trials")


_PLAIN = (
    "model",
    "seed",
    "fold",
    "temperature",
    "best_epoch",
    "parameters",
    "seconds",
    "milliseconds",
    "learning_rate",
)


def open_store(
    folder: Path, run: dict[str, Any], key: str, *, overwrite: bool, made: Mapping[Name, str]
) -> SignalStore:
    """Opens a folder for a run; as `heedful.trial.store.open_store`.

    Raises: DataError as there.
    """
    held = open_folder(folder, run, key, overwrite=overwrite)
    return SignalStore(folder=folder, key=key, made=made, held=held)


def _stem(model: str, seed: int | None, fold: str) -> str:
    parts = [model.replace(":", "_"), re.sub(r"[^\w.-]+", "_", fold), "baseline" if seed is None else str(seed)]
    return "-".join(part for part in parts if part)
