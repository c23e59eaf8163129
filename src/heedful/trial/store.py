"""Finished trials on disk: one file each, complete or not there at all, so that a comparison can be continued."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from heedful.errors import DataError
from heedful.files import write_whole
from heedful.trial import lock
from heedful.trial.audit import Finding
from heedful.trial.records import Records
from heedful.trial.result import Epoch, RecordedMap, Trial

RUN = "run.json"
WRITTEN = (
    "scores.csv",
    "training.csv",
    "forecasts.csv",
    "forecasts.parquet",
    "predictions.csv",
    "predictions.parquet",
    "votes.csv",
    "report.html",
    RUN,
)
"""Files beside the records that a run writes anew."""
DECISIVE = ("data", "split", "options", "versions")
GROWS = ("models", "seeds", "recipes", "learning_rates", "origins", "keep", "attention", "margin")
"""Options that may change from run to run in one folder: what they decide of a trial stands in that trial's own key."""
_FORMAT = 2  # of a record; an earlier one is trained again
Name = tuple[str, int | None]


@dataclass(frozen=True, kw_only=True)
class Store:
    """A folder of trials on the same data, one record each.

    A record carries a hash of what the folder shares (data, split, columns, sizes, versions), of model and seed, and of
    all else that decides the trial (`made`), and a second hash of its own content: one of other origin, or half of one,
    is never taken for a finished trial. Records of trials that are not asked for stay where they are.

    Args:
        key: hash of what all trials of the folder share.
        made: says of each trial that is asked for what decides it beside that; see `described.makings`.
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

    @property
    def _records(self) -> Records:
        return Records(self.folder / "trials")

    def key_of(self, model: str, seed: int | None) -> str:
        """Gives the hash of all that decides a trial."""
        decisive = [_FORMAT, self.key, model, seed, self.made.get((model, seed), "")]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:32]

    def write(self, trial: Trial) -> None:
        """Writes one trial under a temporary name, then renames it; it replaces one that was made otherwise.

        A finished one is left as it stands.
        """
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
            "milliseconds": trial.milliseconds,
            "milliseconds_batched": trial.milliseconds_batched,
            "learning_rate": trial.learning_rate,
            "notes": list(trial.notes),
            "checks": [asdict(one) for one in trial.checks],
            "maps": [{"name": m.name, "axes": list(m.axes), "first": m.first} for m in trial.maps],
        }
        self._records.put(_stem(trial.model, trial.seed), self.key_of(trial.model, trial.seed), facts, arrays)

    def read(self, model: str, seed: int | None) -> Trial | None:
        """Gives a finished trial; None if it is not there, not whole, or was made otherwise than it is asked for."""
        found = self._records.get(_stem(model, seed), self.key_of(model, seed))
        if found is None:
            return None
        facts, arrays = found
        return Trial(
            model=facts["model"],
            seed=facts["seed"],
            validation=arrays["validation"],
            test=arrays["test"],
            history=tuple(Epoch(**e) for e in facts["history"]),
            best_epoch=facts["best_epoch"],
            parameters=facts["parameters"],
            seconds=facts["seconds"],
            milliseconds=facts.get("milliseconds", math.nan),
            milliseconds_batched=facts.get("milliseconds_batched", math.nan),
            learning_rate=facts["learning_rate"],
            notes=tuple(facts["notes"]),
            checks=tuple(Finding(**one) for one in facts["checks"]),
            maps=tuple(
                RecordedMap(name=m["name"], axes=tuple(m["axes"]), first=m["first"], weights=arrays[f"map{i}"])
                for i, m in enumerate(facts["maps"])
            ),
        )


def _stem(model: str, seed: int | None) -> str:
    return f"{model}-{'baseline' if seed is None else seed}"


def open_store(
    folder: Path, run: dict[str, Any], key: str, *, overwrite: bool, made: Mapping[Name, str] | None = None
) -> Store:
    """Opens a folder for a run and keeps other runs out of it: an empty or new one, or one of runs on the same data.

    Tables of the run before stay until this one writes its own; until then run.json says that it is not finished.

    Raises: as `open_folder`.
    """
    held = open_folder(folder, run, key, overwrite=overwrite)
    return Store(folder=folder, key=key, made=made or {}, held=held)


def open_folder(folder: Path, run: Mapping[str, Any], key: str, *, overwrite: bool) -> lock.Lock:
    """Makes a folder ready for a run and gives the lock that keeps other runs out of it.

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
            for name in ("trials", "models", "tensorboard"):
                shutil.rmtree(folder / name, ignore_errors=True)
            for name in WRITTEN:
                (folder / name).unlink(missing_ok=True)
        write_whole(folder / RUN, json.dumps({"key": key, **run, "finished": False}, indent=1, default=str))
    except BaseException:
        held.release()
        raise
    return held


def _refuse(folder: Path, run: Mapping[str, Any], key: str, *, overwrite: bool) -> None:
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


def asked_before(folder: Path, asked: Sequence[str], *, overwrite: bool) -> tuple[str, ...]:
    """Names the attentions that earlier runs of a folder asked about and this one does not.

    To look at many and then to ask about one is no way around a correction for many.
    """
    old = None if overwrite else _run_of(folder)
    ever = (old or {}).get("tried", [])
    return tuple(name for name in ever if name not in asked)


def shared(run: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Gives what all runs of one folder have in common.

    >>> shared({"options": {"window": 8, "margin": 0.1}, "command": "heedful compare"})
    {'options': {'window': 8}}
    """
    grown = {name: run[name] for name in DECISIVE if name in run}
    if "options" in grown:
        grown["options"] = {name: value for name, value in grown["options"].items() if name not in GROWS}
    return grown


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Says in which entries two runs differ that they must share to share a folder, at most four of them.

    >>> differences({"options": {"window": 32, "seeds": [0]}}, {"options": {"window": 8, "seeds": [0, 1]}})
    'window: 32 there, 8 here'
    """
    before, after = (json.loads(json.dumps(shared(run), default=str)) for run in (old, new))
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
