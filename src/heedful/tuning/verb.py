"""heedful.tune: tries settings of a model on validation rows, and scores the best once on test rows."""

from __future__ import annotations

import re
import time as clock
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from heedful.data.split import split as cut
from heedful.data.windows import windows
from heedful.errors import OptionError
from heedful.forecasting.fitting import RUNS
from heedful.forecasting.inputs import (
    Columns,
    Progress,
    Words,
    check_numbers,
    check_split,
    check_targets,
    open_table,
    season_of,
    seeds_of,
)
from heedful.models import Plan
from heedful.train import Recipe
from heedful.tuning.keeping import open_folder
from heedful.tuning.settings import Base, default_space
from heedful.tuning.space import read_space
from heedful.tuning.study import Study
from heedful.tuning.task import Search, Task, described

_NO_PRUNING = "No setting was stopped early: losses of different kinds cannot be compared."


def tune(
    data: Any = None,
    target: Words | None = None,
    *,
    model: str = "cnn-lstm",
    space: Mapping[str, Any] | str | Path | None = None,
    trials: int = 50,
    sampler: str = "tpe",
    sampler_seed: int = 0,
    pruner: str = "median",
    time: str | None = None,
    features: Words | None = None,
    past: Words = (),
    known: Words = (),
    static: Words = (),
    series: str | None = None,
    calendar: bool = False,
    mask: bool = False,
    missing: Sequence[float] | None = None,
    window: int | None = None,
    horizon: int = 1,
    split: Sequence[float] = (0.7, 0.1, 0.2),
    gap: int = 0,
    season: int | None = None,
    seeds: int | Sequence[int] = 1,
    recipe: Recipe | None = None,
    epochs: int | None = None,
    plan: Plan | str | Path | None = None,
    date_format: str | None = None,
    jobs: int = 1,
    max_minutes: float | None = None,
    storage: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Study:
    """Tries settings of a model, keeps the one with the smallest error on validation and scores it once on test rows.

    The error is the RMSE in deviations of the target on train rows. No test row is read before the search is over;
    from then on the score is only told again, and nothing more can be tried in the same folder.

    Args:
        data, target, time, features, past, known, static, series, calendar, mask, missing, window, horizon, split,
            gap, season, recipe, epochs, plan, date_format: as `heedful.fit` takes them; they hold for every setting
            that says nothing else.
        model: a name of `heedful.models.names()`, ignored where a plan is given.
        space: what is tried, or the path of a TOML file that says so: by dotted path "window", a value of the recipe
            ("recipe.learning_rate"), of the plan ("recurrence.width", "decoder") or an argument of a published model
            ("lstm_units"), each a list of choices or a range {low, high, log, step}. By default learning rate,
            widths, kernel, dropout and look-back around those of the model.
        trials: how many settings; a grid that is smaller ends sooner.
        sampler: "tpe", "random" or "grid".
        sampler_seed: draws the settings; the same seed, data and Optuna draw the same ones in one process.
        pruner: "median" stops a setting whose validation loss is worse than the median at the same epoch, "none" none.
        seeds: every setting is trained with all of them, and its error is the mean; of the best setting the best seed
            on validation is kept.
        jobs: processes side by side. What TPE tries and what is stopped early depends on how many.
        max_minutes: stops after so many minutes; the same call goes on.
        storage: "journal" keeps the trials in journal.log, "sqlite" in study.db.
        out: folder for study.json, trials.csv, report.html, best.toml and the bundle of the best setting; "auto" names
            one under heedful-runs; None keeps nothing. Several calls at once may share it.
        overwrite: starts afresh in a folder that holds another study.
        progress: called after every epoch.

    Raises: DataError, OptionError or UnknownName when an input cannot be used; OptionError without Optuna.

    >>> study = tune("sine", space={"recurrence.width": [4, 8]}, sampler="grid", window=8, epochs=1)
    >>> study.counted, sorted({model for model, *_ in study.scores})
    ('2 settings tried: 2 finished', ['cnn-lstm', 'persistence', 'ridge', 'seasonal_naive'])
    """
    started = clock.monotonic()
    check_optuna()
    check_numbers(
        "tune", window=window, horizon=horizon, gap=gap, season=season, epochs=epochs, trials=trials, jobs=jobs
    )
    if max_minutes is not None and not max_minutes > 0:
        raise OptionError(f"tune needs max_minutes above 0, got {max_minutes}.")
    search = Search(
        trials=trials,
        sampler=sampler,
        sampler_seed=sampler_seed,
        pruner=pruner,
        storage=storage or "journal",
        seeds=seeds_of("tune", seeds),
    )
    sizes = check_split("tune", split)
    table, targets, time = open_table("tune", data, target, time, date_format)
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
    made = columns.build(table, decide_on=sizes[0])
    parts = cut(made, sizes, gap=gap)
    season = season_of(made, parts.train, season)
    base = Base.of(
        parts,
        model=model,
        plan=plan,
        window=window,
        horizon=horizon,
        season=season,
        recipe=recipe,
        epochs=epochs,
    )
    asked = read_space(space) if space is not None else default_space(base, window=window is None)
    base.check(asked)
    if search.pruner != "none" and any(path == "recipe.loss" or path.split(".")[0] == "head" for path in asked):
        search, base = replace(search, pruner="none"), replace(base, notes=(*base.notes, _NO_PRUNING))
    # Whether test rows were observed is all that is asked of them before the end: else nothing could be scored then.
    check_targets(*(windows(span, base.window, horizon) for span in parts if len(span)))
    run = described(base, columns, asked, search)
    with _folder(out, f"{made.name}-{'-'.join(targets)}-{base.model}-tuned-{run['key'][:8]}") as folder:
        open_folder(folder, run, overwrite=overwrite)
        from heedful.tuning.searching import go

        deadline = None if max_minutes is None else started + 60 * max_minutes
        task = Task(base=base, columns=columns, space=asked, search=search, folder=folder, deadline=deadline)
        found = go(task, run, jobs, progress)
    return found if out is not None else replace(found, folder=None)


def check_optuna() -> None:
    """Refuses to go on where Optuna is not installed.

    Raises: OptionError that names the extra.
    """
    try:
        import filelock  # noqa: F401
        import optuna  # noqa: F401
    except ImportError:
        raise OptionError(
            "tune needs Optuna, which is not installed. Install it with: pip install 'heedful[tune]'."
        ) from None


@contextmanager
def _folder(out: str | Path | None, name: str) -> Iterator[Path]:
    if out is None:
        with TemporaryDirectory(prefix="heedful-") as place:
            yield Path(place)
    else:
        yield Path(RUNS) / re.sub(r"[^\w.-]+", "_", name) if out == "auto" else Path(out)
