"""Files of an explanation: maps and tests as tidy tables, figures, and one offline page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from heedful.errors import DataError
from heedful.explanation.looks import Look
from heedful.explanation.result import Explanation
from heedful.files import write_rows, write_whole

TABLES = ("maps", "columns", "gains", "curves", "usage", "agreement", "sanity", "spectrum", "weights")
MADE = ("explanation.json", "maps.csv", "maps.parquet", "report.html")
"""Files by which a folder of an earlier explanation is known."""


def check_folder(folder: Path, *, overwrite: bool) -> Path:
    """Makes sure that an explanation may be written to a folder.

    Raises: DataError for a file, for a folder of something else, and for an earlier explanation that is to be kept.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file, explain writes to a folder. Give another --out.")
    if folder.is_dir() and any(folder.iterdir()):
        if not any((folder / name).exists() for name in MADE):
            raise DataError(f"{folder} holds other files. Give an empty folder or a new one.")
        if not overwrite:
            raise DataError(f"{folder} holds an earlier explanation. Give --overwrite to replace it, or another --out.")
    return folder


def save(found: Explanation, folder: Path, *, formats: Sequence[str], language: str) -> Explanation:
    """Writes tables, figures and the page; each file gets its name only when it is complete."""
    from heedful.report.explanation import save_figures, write_page

    folder.mkdir(parents=True, exist_ok=True)
    found = replace(found, folder=folder)
    made = tables(found)
    for name, frame in made.items():
        write_rows(folder, name, frame)
    _clear(folder, {*TABLES} - {*made})
    if formats:
        save_figures(found, folder / "figures", formats)
    write_page(found, folder / "report.html", language=language)
    write_whole(folder / "explanation.json", json.dumps(told(found), indent=1, ensure_ascii=False, default=_plain))
    return found


def tables(found: Explanation) -> dict[str, pd.DataFrame]:
    """Gives every table of an explanation by name; empty ones are left out.

    maps     one row for each window, map and sample: its stamp and what the map says of it
    weights  one row for each window, mechanism, head or step, and position, at the stamp of its middle
    gains    the tests of truth: each map against each control
    curves   deletion and insertion, averaged over the windows
    usage, agreement, sanity, spectrum, columns: what their names say
    """
    made = {
        "maps": _maps(found),
        "columns": _columns(found),
        "gains": pd.DataFrame(
            [{"map": name, **asdict(row)} for name, truth in found.truths.items() for row in truth.rows]
        ),
        "curves": pd.DataFrame(list(_curves(found))),
        "usage": _frame(getattr(found.usage, "rows", ())),
        "agreement": _frame(found.agreements),
        "sanity": pd.DataFrame(
            [
                {"check": one.check, "map": one.map, "net": k, "alike": float(value), "passed": one.passed}
                for one in found.sanity
                for k, value in enumerate(np.atleast_1d(one.each))
            ]
        ),
        "spectrum": pd.DataFrame(list(_bands(found))),
        "weights": pd.DataFrame(list(_weights(found))),
    }
    return {name: frame for name, frame in made.items() if len(frame)}


def told(found: Explanation) -> dict[str, Any]:
    """What explanation.json says."""
    return {
        "model": found.model,
        "data": found.data,
        "kind": found.kind,
        "windows": len(found.windows),
        "verdict": found.verdict,
        "worth": found.worth,
        "shown_map": found.chosen,
        "true": {name: truth.true for name, truth in found.truths.items()},
        "why": {name: truth.why for name, truth in found.truths.items()},
        "needed": found.needed,
        "self_test": found.found,
        "passes": found.passes,
        "notes": found.notes,
    }


def _clear(folder: Path, gone: Iterable[str]) -> None:
    """Leaves nothing of an earlier explanation that this one has not."""
    for name in gone:
        for ending in ("csv", "parquet"):
            (folder / f"{name}.{ending}").unlink(missing_ok=True)
    shutil.rmtree(folder / "figures", ignore_errors=True)


# --- tables -------------------------------------------------------------------------------------------------------


def _maps(found: Explanation) -> pd.DataFrame:
    """Maps of all windows over their samples, those of padding left out."""
    parts = []
    for name, maps in found.maps.items():
        real = found.real
        number, place = np.nonzero(real)
        parts.append(
            pd.DataFrame(
                {
                    "window": np.array(found.windows, dtype=object)[number],
                    "map": name,
                    "sample": place,
                    "time": found.times[number, place],
                    "value": maps[number, place].astype(np.float32),
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _columns(found: Explanation) -> pd.DataFrame:
    rows = [
        {"window": window, "map": name, "column": column, "value": float(maps[i, j])}
        for name, maps in found.column_maps.items()
        for i, window in enumerate(found.windows)
        for j, column in enumerate(found.columns)
    ]
    return pd.DataFrame(rows)


def _weights(found: Explanation) -> Iterator[dict[str, Any]]:
    """The weights of the windows that are shown, at the middles of what lies behind them."""
    for look in found.looks:
        middles = _middles(look)
        for shown in found.shown:
            for part, values in _said(look, shown.number):
                names = look.channel_names if part == "channels" else ()
                for place, value in enumerate(values.tolist()):
                    at = None if middles is None or part == "channels" else middles[shown.number]
                    yield {
                        "window": shown.name,
                        "weights": look.name,
                        "part": part,
                        "position": names[place] if names else place,
                        "time": shown.times[at[place]] if at is not None and at[place] >= 0 else None,
                        "value": value,
                    }


def _middles(look: Look) -> np.ndarray | None:
    """Gives the sample in the middle of what stands behind each step of each window (n, T'), -1 on padding."""
    if look.reach is None or not look.reach.local or look.lengths is None:
        return None
    found: np.ndarray = np.where(look.reach.real(look.lengths), look.reach.middles(look.lengths).round(), -1)
    return found.astype(int)


def _said(look: Look, number: int) -> Iterator[tuple[str, np.ndarray]]:
    """Gives everything that a look says of one window, part by part."""
    for part, values in (("time", look.time), ("channels", look.channels), ("lines", look.lines)):
        if values is not None:
            yield part, values[number]
    for part, several in (("head", look.heads), ("step", look.steps), ("target", look.targets)):
        if several is not None and several.shape[1] > 1:
            yield from ((f"{part} {turn + 1}", values) for turn, values in enumerate(several[number]))


def _curves(found: Explanation) -> Iterator[dict[str, Any]]:
    for name, own in found.curves.items():
        for who, curve in {name: own, **own.controls}.items():
            for at, filling in enumerate(curve.fillings):
                for side, values in (("deletion", curve.gone), ("insertion", curve.kept)):
                    for share, left in zip(curve.shares, values[at].mean(0), strict=True):
                        control = "" if who == name else who
                        yield {
                            "map": name,
                            "control": control,
                            "curve": side,
                            "filling": filling,
                            "share": share,
                            "left": left,
                        }


def _bands(found: Explanation) -> Iterator[dict[str, Any]]:
    for bands in found.bands:
        for place, name in enumerate(bands.names):
            yield {
                "spectrum": bands.name,
                "band": name,
                "low_hz": float(bands.low[place]),
                "high_hz": float(bands.high[place]),
                "importance": float(bands.values[:, place].mean()),
            }


def _frame(rows: Sequence[Any]) -> pd.DataFrame:
    kept = [
        {name: value for name, value in asdict(one).items() if isinstance(value, (str, int, float, bool, type(None)))}
        for one in rows
    ]
    return pd.DataFrame(kept)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
