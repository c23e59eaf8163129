"""The main job: one table in, an honest comparison out."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shlex
import shutil
import sys
import time as clock
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from heedful import baselines
from heedful.bundle import Bundle, Reading
from heedful.data.split import Split
from heedful.data.split import split as cut
from heedful.data.windows import windows
from heedful.errors import OptionError
from heedful.files import write_whole
from heedful.forecasting.inputs import (
    Columns,
    Progress,
    Words,
    check_numbers,
    check_targets,
    describe_split,
    open_table,
    season_of,
    seeds_of,
    window_of,
)
from heedful.forecasting.training import versions
from heedful.models import DEFAULT, get
from heedful.train import Recipe
from heedful.trial.audit import Finding, check_table
from heedful.trial.effects import MARGIN
from heedful.trial.engines import cores, run_jobs
from heedful.trial.family import Question, questions
from heedful.trial.jobs import Arena, Job, Trained, plan_jobs
from heedful.trial.origins import rolling
from heedful.trial.result import Comparison, ModelNote, Trial
from heedful.trial.store import DECISIVE, Store, open_store

KEEP = ("all", "best", "none")
RATES = (1e-3, 3e-3)
_PARQUET_ROWS = 500_000
Report = Callable[[Progress], None]


def compare(
    data: Any = None,
    target: str | None = None,
    *,
    time: str | None = None,
    features: Words | None = None,
    past: Words = (),
    known: Words = (),
    static: Words = (),
    series: str | None = None,
    calendar: bool = False,
    window: int | None = None,
    horizon: int = 1,
    split: Sequence[float] = (0.7, 0.1, 0.2),
    gap: int = 0,
    season: int | None = None,
    mask: bool = False,
    missing: Sequence[float] | None = None,
    models: str | Sequence[str] = "default",
    attention: Words | None = None,
    backbone: Words = "cnn-lstm",
    margin: float = MARGIN,
    rates: Sequence[float] | None = None,
    origins: int = 1,
    seeds: int | Sequence[int] = 3,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    keep: str = "best",
    jobs: int | None = None,
    max_minutes: float | None = None,
    date_format: str | None = None,
    progress: Report | None = None,
) -> Comparison:
    """Trains models on one table and says what they are worth against baselines that are always run.

    Args:
        data: path of a CSV, Parquet or Excel table, a pandas, polars or pyarrow frame, the name of a sample of
            `heedful.data.samples()`, or None for the embedded CO2 series.
        target: the column to forecast; its own past is always an input.
        time: the time column, found by itself if not named.
        features: further input columns; by default every usable column. Only their past is used.
        past, known, static: input columns by what is known of them at the time of a forecast: their past; their
            values over the horizon too; one value that never changes. Naming any takes only those named.
        series: the column that names the series of each row, for a table of many.
        calendar: adds hour, weekday and day of the year as known inputs.
        window: rows of the look-back; by default the season if one is found, else 32, at most a quarter of train.
        horizon: steps ahead.
        split: shares, or numbers of rows, of train, validation and test, in time order.
        gap: rows left out between two parts.
        season: rows of a season, found on the train rows by itself if not given.
        mask: adds inputs that say which values are missing, and for how long.
        missing: numbers that stand for missing values, such as -999; found on the train rows by itself if not given,
            and not looked for if empty.
        models: "default", or names of `heedful.models.names()`; with `attention`, models beside those of the trial.
        attention: mechanisms to try, or "all", each against no attention, a placebo and a model as large; a place
            may follow, as in "additive@decoder". The answer is `Comparison.answers`.
        backbone: presets that they are put into.
        margin: effects within plus and minus this share of the squared error count as none.
        rates: learning rates of which validation chooses one for each network; 1e-3 and 3e-3 in a trial of attention,
            else that of each recipe alone.
        origins: cuts the test part into so many blocks and trains anew before each, on all rows until then; the
            forecasts of all blocks are judged together.
        seeds: how many, or which.
        recipe: how all networks are trained; by default each by its own recipe.
        epochs: at most so many passes over the train windows; the rest of each recipe stays.
        out: folder for scores.csv, forecasts.csv, run.json, report.html and bundles; "auto" names one under
            heedful-runs after data and options; None writes nothing.
        overwrite: starts afresh in a folder that holds another run.
        keep: "best" keeps one bundle per model, "all" every one, "none" none.
        jobs: parallel processes; by default one per processor. The result does not depend on it.
        max_minutes: stops after so many minutes and keeps what is finished.
        date_format: strptime format of the time column when it is ambiguous.

    Raises: DataError, OptionError or UnknownName when an input cannot be used; nothing is written then.
    """
    started = clock.monotonic()
    if len(split) != 3 or any(isinstance(size, str) for size in split):
        raise OptionError(f"compare needs a split of three positive sizes such as (0.7, 0.1, 0.2), got {split!r}.")
    check_numbers(
        "compare", window=window, horizon=horizon, gap=gap, season=season, jobs=jobs, epochs=epochs, origins=origins
    )
    table, targets, time = open_table("compare", data, target, time, date_format)
    if len(targets) > 1:
        raise OptionError(f"compare takes one target, got {', '.join(targets)}. Compare them one by one.")
    columns = Columns.of(
        targets,
        time=time,
        features=features,
        past=past,
        known=known,
        static=static,
        series=series,
        calendar=calendar,
        mask=mask,
        missing=missing,
        date_format=date_format,
    )
    made = columns.build(table, decide_on=split[0])
    parts = cut(made, split, gap=gap)
    season = season_of(made, parts.train, season)
    asked = questions(attention, backbone) if attention is not None else ()
    names, numbers = _models(models, asked), seeds_of("compare", seeds)
    if keep not in KEEP:
        raise OptionError(f"keep knows {', '.join(KEEP)}, got '{keep}'.")
    if max_minutes is not None and not max_minutes > 0:
        raise OptionError(f"compare needs max_minutes above 0, got {max_minutes}.")
    window = window if window is not None else window_of(parts.train, season, horizon)
    arena = Arena(
        train=windows(parts.train, window, horizon),
        validation=windows(parts.validation, window, horizon),
        test=windows(parts.test, window, horizon),
        season=season,
        recipe=recipe,
        epochs=epochs,
        rates=tuple(rates) if rates is not None else RATES if asked else (),
    )
    if origins > 1:
        arena = rolling(arena, parts, origins)
    check_targets(arena.train, arena.validation, arena.test)
    audited = check_table(made, parts, window=window, horizon=horizon)
    run = _describe(parts, arena, columns, names, numbers, tuple(split), keep, table.source)
    run["options"] |= {"attention": [q.arm for q in asked], "margin": margin} if asked else {}
    store = None
    if out is not None:
        name = f"{made.name}-{made.target}-{_key(run)[:8]}"
        folder = Path("heedful-runs") / re.sub(r"[^\w.-]+", "_", name) if out == "auto" else Path(out)
        store = open_store(folder, run, _key(run), overwrite=overwrite)
    work = _Work(
        arena=arena,
        split=parts,
        columns=columns,
        audited=audited,
        asked=asked,
        margin=margin,
        names=names,
        seeds=numbers,
        run=run,
        store=store,
        progress=progress,
    )
    return work.go(
        processes=jobs or cores(),
        deadline=None if max_minutes is None else started + 60 * max_minutes,
        keep=keep,
    )


# --- what the caller meant ---------------------------------------------------------------------------------------


def _models(models: str | Sequence[str], asked: Sequence[Question]) -> tuple[str, ...]:
    if asked and models == "default":
        models = ()
    chosen = [m.strip() for m in models.split(",") if m.strip()] if isinstance(models, str) else list(models)
    names: list[str] = []
    for name in chosen:
        names += list(DEFAULT) if name == "default" else [] if name in baselines.SUMMARIES else [get(name).name]
    return tuple(dict.fromkeys((*names, *(arm for question in asked for arm in question.arms))))


def _describe(
    parts: Split,
    arena: Arena,
    columns: Columns,
    names: tuple[str, ...],
    seeds: tuple[int, ...],
    sizes: tuple[float, ...],
    keep: str,
    source: str,
) -> dict[str, Any]:
    """Everything needed to repeat the run; what decides the numbers stands under "options" and "data"."""
    series = parts.train.series
    return {
        "data": {
            "name": series.name,
            "fingerprint": series.fingerprint,
            "rows": len(series),
            "columns": list(series.columns),
            "target": series.target,
            "from": str(min(series.times[member.start] for member in series.members)),
            "to": str(max(series.times[member.stop - 1] for member in series.members)),
            "step": str(series.step),
        },
        "split": describe_split(parts),
        "options": {
            "window": arena.train.window,
            "horizon": arena.train.horizon,
            "gap": parts.gap,
            "season": arena.season,
            "models": list(names),
            "seeds": list(seeds),
            "recipes": _recipes(arena, names),
            "learning_rates": list(arena.rates),
            "origins": max(1, len(arena.origins)),
            "keep": keep,
            "split": list(sizes),
            **{name: value for name, value in asdict(columns).items() if name != "targets"},
        },
        "versions": versions(),
        "source": source,
        "platform": platform.platform(),
        "command": shlex.join(["heedful", *sys.argv[1:]]) if Path(sys.argv[0]).stem == "heedful" else "heedful.compare",
    }


def _recipes(arena: Arena, names: Sequence[str]) -> list[dict[str, Any]]:
    """Gives each recipe once, with the models that are trained by it."""
    by_recipe: dict[Recipe, list[str]] = {}
    for name in names:
        by_recipe.setdefault(arena.recipe_for(name), []).append(name)
    return [{"models": models, **asdict(recipe)} for recipe, models in by_recipe.items()]


def _key(run: Mapping[str, Any]) -> str:
    decisive = {name: run[name] for name in DECISIVE}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


# --- the work ----------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class _Work:
    """One comparison under way: what is finished, and what still has to be trained."""

    arena: Arena
    split: Split
    columns: Columns
    audited: tuple[Finding, ...]
    asked: tuple[Question, ...]
    margin: float
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    run: dict[str, Any]
    store: Store | None
    progress: Report | None
    trials: dict[tuple[str, int | None], Trial] = field(default_factory=dict)
    interrupted: bool = False

    def go(self, *, processes: int, deadline: float | None, keep: str) -> Comparison:
        jobs = plan_jobs(self.names, self.seeds, self.arena)
        left = [job for job in jobs if not self._finished(job)]
        total = sum(max(1, len(job.seeds)) for job in jobs)

        def tick(job: Job, epoch: int) -> None:
            self._tell(total, job.model, epoch)

        self._tell(total, "")
        try:
            for trained in run_jobs(left, self.arena, processes=processes, deadline=deadline, tick=tick):
                for one in trained:
                    self._take(one, keep)
                self._tell(total, trained[0].trial.model)
        except KeyboardInterrupt:
            self.interrupted = True
        result = self._comparison(finished=len(self.trials) == total)
        if self.store is not None and self.trials:
            if keep == "best":
                _keep_best(result, self.store.folder)
            save(result, self.store.folder)
        return result

    def _tell(self, total: int, label: str, epoch: int = 0) -> None:
        if self.progress:
            self.progress(Progress(done=len(self.trials), total=total, label=label, epoch=epoch))

    def _finished(self, job: Job) -> bool:
        """Takes over a job from the store if all its trials are there."""
        if self.store is None:
            return False
        found = [self.store.read(job.model, seed) for seed in job.seeds or (None,)]
        if any(trial is None for trial in found):
            return False
        self.trials |= {(t.model, t.seed): t for t in found if t is not None}
        return True

    def _take(self, one: Trained, keep: str) -> None:
        trial = one.trial
        if self.store is not None:
            if one.scaler is not None and keep != "none":
                _bundle(one, self.arena, self.columns, self.run).save(
                    self.store.folder / "models" / trial.model / str(trial.seed)
                )
            self.store.write(trial)
        self.trials[trial.model, trial.seed] = trial

    def _comparison(self, *, finished: bool) -> Comparison:
        order = [*baselines.names(self.arena.season), *self.names]
        seeds = (None, *self.seeds)
        warned = (f"{one.text} {one.advice}".rstrip() for one in self.audited if one.severity == "warning")
        return Comparison(
            series=self.split.train.series,
            split=self.split,
            validation=self.arena.validation,
            test=self.arena.test,
            season=self.arena.season,
            trials=tuple(self.trials[m, s] for m in order for s in seeds if (m, s) in self.trials),
            models={m: _about(m) for m in order},
            audit=self.audited,
            asked=self.asked,
            margin=self.margin,
            notes=(*self.split.train.series.notes, *warned),
            finished=finished,
            run=self.run,
            folder=self.store.folder if self.store else None,
        )


def _about(name: str) -> ModelNote:
    if name in baselines.SUMMARIES:
        return ModelNote(name=name, kind="baseline", summary=baselines.SUMMARIES[name])
    spec = get(name)
    return ModelNote(name=name, kind=spec.kind, summary=spec.summary)


def _bundle(one: Trained, arena: Arena, columns: Columns, run: Mapping[str, Any]) -> Bundle:
    if one.scaler is None:
        raise OptionError(f"{one.trial.model} has no weights to bundle.")
    return Bundle(
        model=one.trial.model,
        plan=get(one.trial.model).plan(arena.shape, one.trial.seed),
        shape=arena.shape,
        state=one.state,
        scaler=one.scaler,
        step=arena.train.span.series.step,
        reading=Reading.of(arena.train.span.series, series=columns.series, time=columns.time),
        facts={
            "seed": one.trial.seed,
            "data": run["data"],
            "split": run["split"],
            "versions": run["versions"],
            "validation_loss": one.trial.history[one.trial.best_epoch - 1].validation,
        },
    )


def _keep_best(comparison: Comparison, folder: Path) -> None:
    """Keeps of each model the bundle with the smallest validation loss; test rows have no say."""
    for name in {t.model for t in comparison.trials if t.seed is not None}:
        trials = [t for t in comparison.trials if t.model == name]
        best = min(trials, key=lambda t: t.history[t.best_epoch - 1].validation)
        for trial in trials:
            if trial is not best:
                shutil.rmtree(folder / "models" / name / str(trial.seed), ignore_errors=True)


def save(comparison: Comparison, folder: str | Path) -> Path:
    """Writes scores.csv, forecasts.csv (Parquet above 500,000 rows), run.json and report.html.

    Every file is written under a temporary name and renamed. Returns the path of the report.
    """
    from heedful.report.page import write_report

    folder = Path(folder)
    write_whole(folder / "scores.csv", comparison.scores.to_csv(index=False))
    frame = comparison.forecasts
    large = len(frame) > _PARQUET_ROWS
    if large:
        write_whole(folder / "forecasts.parquet", lambda path: frame.to_parquet(path, index=False))
    else:
        write_whole(folder / "forecasts.csv", frame.to_csv(index=False))
    (folder / ("forecasts.csv" if large else "forecasts.parquet")).unlink(missing_ok=True)
    run = {"key": _key(comparison.run), **comparison.run, "finished": comparison.finished}
    write_whole(folder / "run.json", json.dumps(run, indent=1, default=str))
    return write_report(comparison, folder / "report.html")
