"""The files of a study: study.json, trials.csv, best.toml, report.html and the bundle in `best`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from heedful.bundle import Bundle, is_bundle
from heedful.errors import DataError
from heedful.files import write_whole
from heedful.forecasting.settings import write_plan
from heedful.tuning.study import Best, Study
from heedful.tuning.task import DECISIVE

STUDY, BEST = "study.json", "best"
_OURS = (STUDY, "trials.csv", "best.toml", "report.html", "journal.log", "study.db")


def open_folder(folder: Path, run: Mapping[str, Any], *, overwrite: bool) -> None:
    """Opens a folder for a study: a new or empty one, or one that holds the same study.

    Raises: DataError if it holds anything else.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"--out needs a folder, got the file {folder}. Give another name.")
    old = read(folder)
    strange = [p.name for p in folder.iterdir() if not p.name.startswith(".")] if folder.is_dir() else []
    if strange and old is None:
        raise DataError(f"The folder {folder} holds files that are no study, such as {strange[0]}. Give another --out.")
    if old is not None and old["key"] != run["key"] and not overwrite:
        raise DataError(
            f"The folder {folder} holds another study ({_differences(old, run)}). "
            "Give another --out, or --overwrite to start afresh."
        )
    if old is not None and overwrite:
        for name in _OURS:
            (folder / name).unlink(missing_ok=True)
        for name in ("running", BEST):
            shutil.rmtree(folder / name, ignore_errors=True)
        old = None
    if old is None:
        write_whole(folder / STUDY, json.dumps(dict(run), indent=1, default=str))


def read(folder: Path) -> dict[str, Any] | None:
    """Gives what study.json says; None where there is none."""
    try:
        found = json.loads((folder / STUDY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("key") else None


def save(study: Study, folder: Path) -> None:
    """Writes the tables and the page of a study, each whole or not at all."""
    from heedful.tuning.page import render

    write_whole(folder / "trials.csv", study.trials.to_csv(index=False))
    best = study.best
    if best is not None and best.plan is not None:
        write_whole(folder / "best.toml", write_plan(best.plan, best.recipe))
    write_whole(folder / "report.html", render(study))
    told = dict(study.run) | {
        "tried": study.tried,
        "finished": study.finished,
        "outcomes": {str(name): int(count) for name, count in study.trials["outcome"].value_counts().items()},
        "best": None if best is None else _told(best),
        "importance": dict(study.importance),
    }
    write_whole(folder / STUDY, json.dumps(told, indent=1, default=str))


def _told(best: Best) -> dict[str, Any]:
    return {
        "number": best.number,
        "error": best.error,
        "values": dict(best.values),
        "window": best.window,
        "recipe": asdict(best.recipe),
        "plan": None if best.plan is None else best.plan.to_dict(),
    }


def kept_bundle(folder: Path) -> Bundle | None:
    """Gives the bundle of the best setting; None if there is none."""
    return Bundle.load(folder / BEST) if is_bundle(folder / BEST) else None


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    before, after = (json.loads(json.dumps(dict(run), default=str)) for run in (old, new))
    told = [
        f"{name}: {was} there, {now} here"
        for part in DECISIVE
        for name in {**before.get(part, {}), **after.get(part, {})}
        if (was := before.get(part, {}).get(name)) != (now := after.get(part, {}).get(name))
    ]
    return "; ".join(told[:4]) + ("; and more" if len(told) > 4 else "") or "made otherwise"
