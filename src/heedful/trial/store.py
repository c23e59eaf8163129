"""Finished trials on disk: one file each, complete or not there at all, so that a comparison can be continued."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from heedful.errors import DataError
from heedful.files import write_whole
from heedful.trial import lock
from heedful.trial.result import Epoch, RecordedMap, Trial

RUN = "run.json"
DECISIVE = ("data", "split", "options", "versions")
PlanOf = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Store:
    """A folder of trials that belong to one run, one record each.

    A record carries a hash of the run (data, split, recipes, versions), the model's plan and the seed, and a second
    one of its own content, so that one of other origin, or half of one, is never taken for a finished trial.

    Args:
        key: hash of what all trials of the run share.
        plan_of: says of a model that is trained what its network is made of, in words; asked once or more a trial.
        held: keeps other runs out of the folder until `close`.
    """

    folder: Path
    key: str
    plan_of: PlanOf = str
    held: lock.Lock | None = None

    def close(self) -> None:
        """Lets other runs into the folder."""
        if self.held is not None:
            self.held.release()

    def _path(self, model: str, seed: int | None) -> Path:
        return self.folder / "trials" / f"{model}-{'baseline' if seed is None else seed}.safetensors"

    def _key(self, model: str, seed: int | None) -> str:
        plan = "" if seed is None else self.plan_of(model)
        return hashlib.sha256(json.dumps([self.key, model, seed, plan]).encode()).hexdigest()[:32]

    def write(self, trial: Trial) -> None:
        """Writes one trial under a temporary name, then renames it; a finished one is left as it stands."""
        if self.read(trial.model, trial.seed) is not None:
            return
        arrays = {"validation": trial.validation, "test": trial.test}
        arrays |= {f"map{i}": m.weights for i, m in enumerate(trial.maps)}
        facts = {
            "model": trial.model,
            "seed": trial.seed,
            "history": [asdict(e) for e in trial.history],
            "best_epoch": trial.best_epoch,
            "parameters": trial.parameters,
            "seconds": trial.seconds,
            "learning_rate": trial.learning_rate,
            "notes": list(trial.notes),
            "maps": [{"name": m.name, "axes": list(m.axes), "first": m.first} for m in trial.maps],
        }
        tensors = {name: np.ascontiguousarray(a) for name, a in arrays.items()}
        said = json.dumps(facts)
        header = {"key": self._key(trial.model, trial.seed), "facts": said, "digest": _digest(said, tensors)}
        write_whole(self._path(trial.model, trial.seed), save(tensors, metadata=header))

    def read(self, model: str, seed: int | None) -> Trial | None:
        """Gives a finished trial of this run; None if it is not there, not whole or of another run or plan."""
        path = self._path(model, seed)
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata()
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):
            return None
        if not metadata or metadata.get("key") != self._key(model, seed):
            return None
        if metadata.get("digest") != _digest(metadata.get("facts", ""), arrays):
            return None
        facts = json.loads(metadata["facts"])
        return Trial(
            model=facts["model"],
            seed=facts["seed"],
            validation=arrays["validation"],
            test=arrays["test"],
            history=tuple(Epoch(**e) for e in facts["history"]),
            best_epoch=facts["best_epoch"],
            parameters=facts["parameters"],
            seconds=facts["seconds"],
            learning_rate=facts["learning_rate"],
            notes=tuple(facts["notes"]),
            maps=tuple(
                RecordedMap(name=m["name"], axes=tuple(m["axes"]), first=m["first"], weights=arrays[f"map{i}"])
                for i, m in enumerate(facts["maps"])
            ),
        )


def _digest(facts: str, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(facts.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def open_store(folder: Path, run: dict[str, Any], key: str, *, overwrite: bool, plan_of: PlanOf = str) -> Store:
    """Opens a folder for a run, an empty or new one or one that holds the same run, and keeps other runs out of it.

    Raises: DataError if the folder holds something else and `overwrite` is not asked for, or if another run that is
        still going on holds it.
    """
    _refuse(folder, run, key, overwrite=overwrite)
    held = lock.lock(folder)
    try:
        _refuse(folder, run, key, overwrite=overwrite)  # another run may have come and gone before the lock was ours
        for left in folder.rglob(".*.part"):  # by a run that was killed while it wrote
            left.unlink(missing_ok=True)
        if overwrite:
            for name in ("trials", "models"):
                shutil.rmtree(folder / name, ignore_errors=True)
            for name in ("scores.csv", "forecasts.csv", "forecasts.parquet", "report.html", RUN):
                (folder / name).unlink(missing_ok=True)
        write_whole(folder / RUN, json.dumps({"key": key, **run}, indent=1, default=str))
    except BaseException:
        held.release()
        raise
    return Store(folder=folder, key=key, plan_of=plan_of, held=held)


def _refuse(folder: Path, run: dict[str, Any], key: str, *, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise DataError(f"--out needs a folder, got the file {folder}. Give another name.")
    old = _run_of(folder)
    if not folder.is_dir() or (old is not None and (overwrite or old.get("key") == key)):
        return
    if old is not None:
        raise DataError(
            f"The folder {folder} holds another run ({differences(old, run)}). "
            "Give another --out, or --overwrite to start afresh."
        )
    if any(path.name != lock.NAME and not path.match(".*.part") for path in folder.iterdir()):
        raise DataError(
            f"The folder {folder} holds files that are no run of Heedful, which are never replaced. Give another --out."
        )


def differences(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Says in which decisive entries two runs differ, at most four of them.

    >>> differences({"options": {"window": 32, "gap": 0}}, {"options": {"window": 8, "gap": 0}})
    'window: 32 there, 8 here'
    """
    before, after = (json.loads(json.dumps(run, default=str)) for run in (old, new))
    told = [
        f"{name}: {was} there, {now} here"
        for part in DECISIVE
        for name in {**before.get(part, {}), **after.get(part, {})}
        if (was := before.get(part, {}).get(name)) != (now := after.get(part, {}).get(name))
    ]
    return "; ".join(told[:4]) + ("; and more" if len(told) > 4 else "") or "made otherwise"


def _run_of(folder: Path) -> dict[str, Any] | None:
    try:
        run = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return run if isinstance(run, dict) and run.get("key") else None
