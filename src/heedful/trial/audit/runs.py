"""The folder of a comparison, or of one bundle: everything that was kept there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from heedful.bundle import Bundle
from heedful.data import sets
from heedful.data.table import Table
from heedful.errors import DataError
from heedful.forecasting.inputs import Columns, load_table
from heedful.trial.audit.bundles import check_bundle, spans_of
from heedful.trial.audit.findings import Audit, Finding
from heedful.trial.audit.table import check_table

RUN, BUNDLE = "run.json", "bundle.json"


def audit_run(folder: Path, table: Any, *, time: str | None, date_format: str | None) -> Audit:
    """Audits what a run or a fit left in a folder, on the table that it was made on.

    Raises: DataError if it holds neither, or if that table is not to be found.
    """
    if not any((folder / name).is_file() for name in (RUN, BUNDLE)):
        raise DataError(
            f"{folder} holds neither a run ({RUN}) nor a bundle ({BUNDLE}). Give a table, or the folder that heedful "
            "compare or heedful fit left behind."
        )
    if not (folder / RUN).is_file():
        return audit_bundle(Bundle.load(folder), table, time=time, date_format=date_format)
    run = _read(folder / RUN)
    words = run["options"]
    columns = Columns.of(
        (run["data"]["target"],),
        time=time or words["time"],
        features=words["features"],
        past=words["past"],
        known=words["known"],
        static=words["static"],
        series=words["series"],
        calendar=words["calendar"],
        mask=words["mask"],
        missing=words["missing"],
        date_format=date_format or words["date_format"],
    )
    opened = _table(run, table, columns.date_format)
    series = columns.build(opened, decide_on=words["split"][0])
    found: list[Finding] = []
    if series.fingerprint != run["data"]["fingerprint"]:
        found.append(
            Finding(
                check="data",
                severity="warning",
                text=f"'{opened.source}' is not as it was when the run was made: other values, rows or columns.",
                advice="Give the table of that time, or compare again.",
            )
        )
    split = spans_of(series, run["split"], words["gap"])
    found += check_table(series, split, window=words["window"], horizon=words["horizon"])
    for path in sorted(folder.glob(f"models/*/*/{BUNDLE}")):
        bundle = Bundle.load(path.parent)
        found += check_bundle(bundle, opened, time=columns.time or None, date_format=columns.date_format)
    return Audit(subject=f"the run in {folder}", findings=tuple(dict.fromkeys(found)))


def audit_bundle(bundle: Bundle, table: Any, *, time: str | None, date_format: str | None) -> Audit:
    """Audits one bundle.

    Raises: DataError without the table that it was trained on.
    """
    if table is None:
        name = bundle.facts.get("data", {}).get("name", "its data")
        raise DataError(f"A bundle does not hold the table it was trained on ('{name}'). Give it with --table.")
    found = check_bundle(bundle, load_table(table, date_format), time=time, date_format=date_format)
    where = f" in {bundle.folder}" if bundle.folder else ""
    return Audit(subject=f"the bundle {bundle.model}{where}", findings=found)


def _read(path: Path) -> dict[str, Any]:
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        if not {"data", "split", "options"} <= set(run):
            raise DataError(f"{path} is no run of Heedful, or of an earlier one. Compare again.")
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read ({type(error).__name__}). Compare again.") from error
    return dict(run)


def _table(run: dict[str, Any], table: Any, date_format: str | None) -> Table:
    """Gives the table of a run: the one given, the file it names, or the sample."""
    if table is not None:
        return load_table(table, date_format)
    source, name = str(run.get("source", "")), run["data"]["name"]
    if Path(source).is_file():
        return load_table(source, date_format)
    if name in sets.SAMPLES:
        return load_table(name, date_format)
    raise DataError(f"The table of this run, '{name}' from {source}, is not there. Give it with --table.")
