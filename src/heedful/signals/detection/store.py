"""What a detection writes: every file whole or not at all."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from heedful.files import write_rows, write_whole
from heedful.signals.detection.result import Detection
from heedful.trial.described import key_of


def save(result: Detection, folder: str | Path, language: str = "en") -> Detection:
    """Writes scores.csv, timeline.csv (Parquet above 500,000 rows), alarms.csv, run.json, report.html and the bundle.

    Every file is written under a temporary name and renamed.
    """
    from heedful.report.detection import write_report

    folder = Path(folder)
    if result.bundle is not None and result.bundle.folder is None:
        place = folder / "models"
        shutil.rmtree(place, ignore_errors=True)
        at = place / result.best.model.replace(":", "_")
        result = replace(result, bundle=replace(result.bundle, folder=result.bundle.save(at)))
    result = replace(result, folder=folder)
    write_whole(folder / "scores.csv", result.scores.to_csv(index=False))
    write_rows(folder, "timeline", result.timeline)
    write_whole(folder / "alarms.csv", result.alarms.to_csv(index=False))
    run = {"key": key_of(result.run), **result.run, "finished": True}
    write_whole(folder / "run.json", json.dumps(run, indent=1, default=str))
    write_report(result, folder / "report.html", language)
    return result
