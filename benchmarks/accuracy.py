"""The accuracy table: the default model in the exact protocol of the long-horizon literature, cell by cell.

    python -m benchmarks.accuracy train [FILE ...]   searches and trains; may be stopped and given again
    python -m benchmarks.accuracy score [FILE ...]   scores the test part, once a commit, and logs the scoring
    python -m benchmarks.accuracy table              writes the tables of docs/accuracy.md from what was scored
    python -m benchmarks.accuracy                    all three

A cell is one data set and one horizon. Every training leaves one file, and what is finished is never repeated.
Searching and training read no row behind the validation part: `load` cuts the table there, `score` alone does not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save

from heedful.baselines import closed_form
from heedful.data.build import build_series
from heedful.data.scale import Scaler
from heedful.data.seasons import find_season
from heedful.data.series import Series
from heedful.data.split import Split, split
from heedful.data.table import read
from heedful.data.windows import Windows, windows
from heedful.files import write_whole
from heedful.forecasting.settings import LONGEST, settings, shape_of
from heedful.models.compose import Composed, compose
from heedful.models.plan import Convolution, Segments
from heedful.models.presets import heedful
from heedful.scout import start_line
from heedful.train import Recipe, fit
from heedful.train.evaluate import score_scaled
from heedful.train.machine import settle

HOME = Path(__file__).resolve().parents[1]
DATA = HOME.parent / "shared" / "data" / "forecast"
DEVELOPMENT = ("ETTh1.csv", "ETTm1.csv")
OUT = HOME / "benchmarks" / "results" / "accuracy"
PAGE = HOME / "docs" / "accuracy.md"
HORIZONS = (96, 192, 336, 720)
MARKS = ("<!-- made by python -m benchmarks.accuracy -->", "<!-- end -->")
SHORT_HORIZONS = (24, 36, 48, 60)  # of sets with fewer rows than SHORT, such as weekly ones
SHORT = 2000
SEEDS = (0, 1, 2)
RIDGE_WINDOW, SHORT_RIDGE_WINDOW = 336, 104
MONTH = 30 * 24
SEARCHED = ("window", "centre", "width", "loss")
WORTH = 0.005  # a change is worth it if it lowers the squared error on validation by so much; seeds differ by 0.4 %
_WIDTH = {Segments: "width", Convolution: "filters"}
_BATCH = 256


# --- the protocol ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One data set and one horizon."""

    file: Path
    horizon: int

    @property
    def name(self) -> str:
        return f"{self.file.stem}-{self.horizon}"


def sizes(name: str, rows: int) -> tuple[int, int, int]:
    """Rows of train, validation and test: 12, 4 and 4 months of the ETT sets, else 70, 10 and 20 %."""
    if name.startswith("ETT"):
        month = MONTH * (4 if name.startswith("ETTm") else 1)
        return 12 * month, 4 * month, 4 * month
    train, test = int(0.7 * rows), int(0.2 * rows)
    return train, rows - train - test, test


def load(file: Path, *, with_test: bool = False) -> Split:
    """Reads a set with every column as target; without its test part nothing behind validation is there to be read."""
    table = read(file)
    train, validation, test = sizes(file.stem, len(table))
    columns = [name for name in table.frame.columns if name != "date"]
    series = build_series(table, columns, time="date", decide_on=train)
    parts = split(series, (train, validation, test))
    return parts if with_test else _blind(parts, series)


def _blind(parts: Split, series: Series) -> Split:
    """Makes every value behind the validation part unreadable."""
    series.values[parts.validation.stop :] = np.nan
    return parts


def horizons(file: Path, asked: Sequence[int] | None) -> tuple[int, ...]:
    if asked:
        return tuple(asked)
    with file.open() as lines:
        rows = sum(1 for _ in lines) - 1
    return SHORT_HORIZONS if rows < SHORT else HORIZONS


def laid(parts: Split, window: int, horizon: int) -> tuple[Windows, Windows]:
    return windows(parts.train, window, horizon), windows(parts.validation, window, horizon)


# --- training ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is searched. The segment follows from the season, the linear map and its share from validation."""

    window: int
    centre: str
    width: int
    loss: str

    def __str__(self) -> str:
        return f"{self.window}-{self.centre}-{self.width}-{self.loss}"


def first_setting(cell: Cell, parts: Split) -> Setting:
    """The default: what `heedful.fit` trains where nothing is asked for."""
    usual = settings(
        parts, model="heedful", plan=None, window=None, horizon=cell.horizon, season=season_of(parts), recipe=None
    )
    plan = usual.plan or heedful(usual.shape)
    return Setting(window=usual.shape.window, centre=plan.centre, width=plan.recurrence.width, loss=usual.recipe.loss)


def changes(first: Setting, parts: Split) -> list[Setting]:
    """The default with one of look-back, centring, width and loss changed."""
    room = min(LONGEST, len(parts.train) // 5)
    other = 2 * first.window if 2 * first.window <= room else _half(first.window, season_of(parts))
    return [
        replace(first, window=other),
        replace(first, centre="last" if first.centre == "mean" else "mean"),
        replace(first, width=64 if first.width == 128 else 128),
        replace(first, loss="huber"),
    ]


def _half(window: int, season: int | None) -> int:
    return max(1, window // 2 // season) * season if season else max(1, window // 2)


def worthy(first: Setting, parts: Split, error: Callable[[Setting], float]) -> list[Setting]:
    return [setting for setting in changes(first, parts) if error(setting) < (1 - WORTH) * error(first)]


def last_setting(first: Setting, parts: Split, error: Callable[[Setting], float]) -> Setting:
    """The default with all changes at once that were each worth it."""
    changed = [asdict(setting).items() - asdict(first).items() for setting in worthy(first, parts, error)]
    return replace(first, **dict(pair for pairs in changed for pair in pairs))


def season_of(parts: Split) -> int | None:
    series = parts.train.series
    return find_season(series.truth[parts.train.start : parts.train.stop], series.step)


def built(cell: Cell, parts: Split, setting: Setting) -> tuple[Composed, Recipe]:
    """The network of a setting, with fresh weights, and its recipe."""
    series = parts.train.series
    shape = shape_of(series, setting.window, cell.horizon, season_of(parts))
    plan = heedful(shape)
    plan = replace(
        plan,
        centre=setting.centre,
        stem=replace(plan.stem, **{_WIDTH[type(plan.stem)]: setting.width}),
        recurrence=replace(plan.recurrence, width=setting.width),
    )
    recipe = Recipe.long(len(windows(parts.train, setting.window, cell.horizon)), len(shape.targets))
    return compose(plan, shape), replace(recipe, loss=setting.loss)


def record_of(cell: Cell, setting: Setting, seed: int, out: Path) -> Path:
    return out / cell.name / f"{setting}-seed{seed}.json"


def train(cell: Cell, setting: Setting, seed: int, out: Path) -> str:
    """Trains one setting of a cell with one seed and leaves its record and weights."""
    settle(1)
    path = record_of(cell, setting, seed, out)
    if path.exists():
        return f"{cell.name} {path.stem} was there"
    parts = load(cell.file)
    scaler = Scaler.fit(parts.train)
    learn, check = laid(parts, setting.window, cell.horizon)
    torch.manual_seed(seed)
    net, recipe = built(cell, parts, setting)
    began = perf_counter()
    start_line(net, learn, check, scaler)
    [fitted] = fit([net], learn, check, scaler=scaler, recipe=recipe, seeds=[seed])
    seconds = perf_counter() - began
    net.load_state_dict(fitted.state)
    errors = score_scaled(net, check, scaler)
    record = {
        "validation_mse": errors.mse,
        "best_epoch": fitted.best_epoch,
        "history": [fitted.train_loss, fitted.validation_loss],
        "share": float(fitted.state["share"]),
        "seconds": seconds,
        "parameters": sum(p.numel() for p in net.parameters()),
    }
    write_whole(path.with_suffix(".safetensors"), save({k: v.contiguous() for k, v in fitted.state.items()}))
    write_whole(path, json.dumps(record))
    return f"{cell.name} {setting} seed {seed}: validation {errors.mse:.4f}, {seconds:.0f} s"


def error_in(cell: Cell, out: Path) -> Callable[[Setting], float]:
    """Gives what tells the squared error on validation of a trained setting, with the first seed."""
    return lambda setting: json.loads(record_of(cell, setting, SEEDS[0], out).read_text())["validation_mse"]


def chosen(cell: Cell, out: Path) -> tuple[Setting, int]:
    """The setting that the search ended with, and how many it tried."""
    parts = load(cell.file)
    first, error = first_setting(cell, parts), error_in(cell, out)
    last = last_setting(first, parts, error)
    tried = {first, *changes(first, parts), last}
    return min((first, *worthy(first, parts, error), last), key=error), len(tried)


def run(cells: Sequence[Cell], out: Path, jobs: int) -> None:
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:

        def all_of(wanted: Iterable[tuple[Cell, Setting, int]]) -> None:
            for future in as_completed([pool.submit(train, *one, out) for one in wanted]):
                print(future.result(), flush=True)

        def start(cell: Cell) -> tuple[Setting, Split]:
            parts = load(cell.file)
            return first_setting(cell, parts), parts

        starts = {cell: start(cell) for cell in cells}
        all_of(
            (cell, one, SEEDS[0]) for cell, (first, parts) in starts.items() for one in (first, *changes(first, parts))
        )
        all_of((cell, last_setting(*start, error_in(cell, out)), SEEDS[0]) for cell, start in starts.items())
        for cell in cells:
            best, tried = chosen(cell, out)
            print(f"{cell.name}: {best} of {tried} settings tried on validation", flush=True)
        all_of((cell, chosen(cell, out)[0], seed) for seed in SEEDS[1:] for cell in cells)


# --- scoring -----------------------------------------------------------------------------------------------------


def commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=HOME, check=True, capture_output=True, text=True).stdout.strip()

    if git("status", "--porcelain", "--", "src"):
        sys.exit("score needs a frozen commit: src has changes that are not committed.")
    return git("rev-parse", "--short=10", "HEAD")


def score(cells: Sequence[Cell], out: Path) -> None:
    """Scores the test part of every cell and logs the scoring; a commit scores a cell once."""
    log, now = out / "scorings.jsonl", commit()
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {(row["commit"], row["cell"]) for row in rows}
    settle(1)
    for cell in cells:
        if (now, cell.name) in done:
            print(f"{cell.name} was scored on {now}; it is not scored again.")
            continue
        row = {"commit": now, "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "cell": cell.name, **_test(cell, out)}
        rows.append(row)
        write_whole(log, "".join(f"{json.dumps(one)}\n" for one in rows))
        mean = np.mean([one["mse"] for one in row["runs"]])
        print(
            f"{cell.name}: {mean:.4f}, ridge {row['ridge']['mse']:.4f}, repeat {row['repeat']['mse']:.4f}", flush=True
        )


def _test(cell: Cell, out: Path) -> dict[str, Any]:
    setting, tried = chosen(cell, out)
    parts = load(cell.file, with_test=True)
    scaler = Scaler.fit(parts.train)
    test = windows(parts.test, setting.window, cell.horizon)
    net, _ = built(cell, parts, setting)
    runs = []
    for seed in SEEDS:
        path = record_of(cell, setting, seed, out)
        if not path.exists():
            continue
        net.load_state_dict(load_file(path.with_suffix(".safetensors")))
        began = perf_counter()
        errors = score_scaled(net, test, scaler)
        record = json.loads(path.read_text())
        epochs = len(record["history"][0])
        runs.append(
            {
                "mse": errors.mse,
                "mae": errors.mae,
                "seed": seed,
                "share": record["share"],
                "seconds": record["seconds"],
                "epoch_seconds": record["seconds"] / epochs,
                "predicting_seconds": perf_counter() - began,
                "parameters": record["parameters"],
                "best_epoch": record["best_epoch"],
                "epochs": epochs,
            }
        )
    return {**asdict(setting), "tried": tried, "runs": runs, **reference(cell, parts)}


def reference(cell: Cell, parts: Split) -> dict[str, Any]:
    """Scores what any model is compared with on every test window: the closed-form map and the last value."""
    scaler, width = Scaler.fit(parts.train), SHORT_RIDGE_WINDOW if len(parts.train.series) < SHORT else RIDGE_WINDOW
    test = windows(parts.test, width, cell.horizon)
    linear = closed_form(*laid(parts, width, cell.horizon), scaler)
    return {
        "windows": len(test),
        "ridge": _errors(test, scaler, linear),
        "repeat": _errors(test, scaler, None),
    }


def _errors(test: Windows, scaler: Scaler, linear: Any) -> dict[str, float]:
    squared = absolute = count = 0.0
    for first in range(0, len(test), _BATCH):
        batch = scaler.batch(test, np.arange(first, min(first + _BATCH, len(test))))
        x, y = batch.x.astype(np.float64), batch.y.astype(np.float64)
        error = y - (x[:, -1:] if linear is None else linear(x))
        squared, absolute = squared + np.nansum(error**2), absolute + np.nansum(np.abs(error))
        count += np.isfinite(error).sum()
    return {"mse": float(squared / count), "mae": float(absolute / count)}


# --- the page ----------------------------------------------------------------------------------------------------


COLUMNS = (
    "cell",
    "MSE, mean ± sd (seeds)",
    "MAE",
    "ridge 336",
    "repeat",
    "look-back, centre, width, loss (settings tried)",
    "share of the network",
    "parameters",
    "seconds a training",
    "predicting / an epoch",
)


def table(out: Path) -> None:
    """Writes the tables between the two marks of the page; every scoring that was ever made is in its log."""
    rows = [json.loads(line) for line in (out / "scorings.jsonl").read_text().splitlines()]
    latest = {row["cell"]: row for row in rows}
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        f"|{' --- |' * len(COLUMNS)}",
    ]
    for name, row in latest.items():
        runs = row["runs"]
        means = {key: float(np.mean([one[key] for one in runs])) for key in runs[0]}
        spread = f" ± {np.std([one['mse'] for one in runs], ddof=1):.4f}" if len(runs) > 1 else ""
        setting = ", ".join(str(row[key]) for key in SEARCHED)
        lines.append(
            f"| {name} | {means['mse']:.4f}{spread} ({len(runs)}) | {means['mae']:.4f} | {row['ridge']['mse']:.4f} | "
            f"{row['repeat']['mse']:.4f} | {setting} ({row['tried']}) | {means['share']:.2f} | "
            f"{runs[0]['parameters']:,} | {means['seconds']:.0f} | "
            f"{means['predicting_seconds'] / means['epoch_seconds']:.2f} |"
        )
    log = [f"- {row['date']} UTC, commit {row['commit']}: {row['cell']}" for row in rows]
    before, rest = PAGE.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    body = "\n".join([MARKS[0], "", *lines, "", "Every scoring of a test part:", "", *log, "", MARKS[1]])
    write_whole(PAGE, before + body + after)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("step", nargs="?", choices=("train", "score", "table", "all"), default="all")
    words.add_argument("files", nargs="*", type=Path)
    words.add_argument("--horizons", type=lambda text: [int(word) for word in text.split(",")])
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--out", type=Path, default=OUT)
    asked = words.parse_args()
    files = asked.files or [DATA / name for name in DEVELOPMENT]
    cells = [Cell(file=file, horizon=h) for file in files for h in horizons(file, asked.horizons)]
    if asked.step in ("train", "all"):
        run(cells, asked.out, asked.jobs)
    if asked.step in ("score", "all"):
        score(cells, asked.out)
    if asked.step in ("table", "all"):
        table(asked.out)


if __name__ == "__main__":
    main()
