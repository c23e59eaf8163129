"""One job: train one model for one seed (or all its seeds at once) and forecast validation and test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from heedful import baselines
from heedful.data.scale import Scaler
from heedful.data.windows import Windows
from heedful.errors import OptionError
from heedful.explanation.record import record
from heedful.forecasting.settings import recipe_of, shape_of
from heedful.forecasting.training import start
from heedful.models import Shape, get
from heedful.train import Fit, Recipe, fit, forecast
from heedful.train.machine import settle, use_threads
from heedful.train.stack import stackable
from heedful.trial.audit.networks import check_network
from heedful.trial.pace import pace
from heedful.trial.result import RecordedMap, Trial

_RECORDED = 256


@dataclass(frozen=True, kw_only=True, eq=False)
class Arena:
    """What every job of a comparison shares: the same windows and, if one is given, the same recipe.

    `rates` are learning rates of which validation chooses one for each network; none leaves that of its recipe.
    `origins` are the arenas of rolling origins, oldest first: every job is done in each of them, and the windows here
    are all of theirs. Without any, the job is done here.
    """

    train: Windows
    validation: Windows
    test: Windows
    season: int | None
    recipe: Recipe | None = None
    epochs: int | None = None
    rates: tuple[float, ...] = ()
    origins: tuple[Arena, ...] = ()

    def recipes_for(self, model: str) -> list[Recipe]:
        """Gives a model's recipe with each of the learning rates that are tried."""
        own = self.recipe_for(model)
        published = get(model).recipe == "article"
        return [own] if published or not self.rates else [replace(own, learning_rate=rate) for rate in self.rates]

    def recipe_for(self, model: str) -> Recipe:
        """Gives the recipe that was asked for, else the model's own, with the number of epochs that was asked for."""
        return recipe_of(get(model), len(self.train), 1, recipe=self.recipe, epochs=self.epochs)

    def run(self, job: Job, deadline: float | None = None, tick: Callable[[int], None] | None = None) -> list[Trained]:
        """Runs one job here; see `run_job`."""
        return run_job(job, self, deadline, tick)

    @property
    def shape(self) -> Shape:
        """Sizes that a model is built for."""
        return shape_of(self.train.span.series, self.train.window, self.train.horizon, self.season)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model and the seeds that are trained together; a baseline has no seeds."""

    model: str
    seeds: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A trial and what its model needs to predict again; a baseline has no weights."""

    trial: Trial
    state: dict[str, Tensor]
    scaler: Scaler | None = None


def plan_jobs(models: tuple[str, ...], seeds: tuple[int, ...], arena: Arena) -> list[Job]:
    """Puts the work in order: baselines, then all models seed by seed, so that an early stop compares them all.

    Seeds of a small recurrence over few steps are trained together, with the first seed.
    """
    jobs = [Job(model=name, seeds=()) for name in baselines.names(arena.season)]
    window, features = arena.train.window, arena.train.features
    together = {
        name
        for name in models
        if len(seeds) > 1 and stackable(build(name, arena.shape, seeds[0]), window=window, features=features)
    }
    for seed in seeds:
        for name in models:
            if name not in together:
                jobs.append(Job(model=name, seeds=(seed,)))
            elif seed == seeds[0]:
                jobs.append(Job(model=name, seeds=seeds))
    return jobs


def build(model: str, shape: Shape, seed: int) -> nn.Module:
    """Builds a model whose initial weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return get(model).build(shape, seed)


def run_job(
    job: Job, arena: Arena, deadline: float | None = None, tick: Callable[[int], None] | None = None
) -> list[Trained]:
    """Runs one job; the same job gives the same trials in whatever process it runs.

    Raises: TimeUp when the deadline (time.monotonic()) passes.
    """
    if arena.origins:
        done = [run_job(job, one, deadline, tick) for one in arena.origins]
        return [_rolled(same) for same in zip(*done, strict=True)]
    if not job.seeds:
        return [_baseline(job.model, arena)]
    with _one_thread():
        spec = get(job.model)
        scaler = Scaler.fit(arena.train.span, spec.scaling)
        tries = [_fits(job, arena, recipe, scaler, deadline, tick) for recipe in arena.recipes_for(job.model)]
        trained = []
        for i in range(len(job.seeds)):
            model, one, rate = min((fitted[i] for fitted in tries), key=lambda found: judged(found[1]))
            model.load_state_dict(one.state)
            alone, among = pace(partial(forecast, model, scaler=scaler, device="cpu"), arena.test)
            trial = Trial(
                model=job.model,
                seed=one.seed,
                validation=forecast(model, arena.validation, scaler),
                test=forecast(model, arena.test, scaler),
                history=one.history,
                best_epoch=one.best_epoch,
                parameters=sum(p.numel() for p in model.parameters()),
                seconds=sum(fitted[i][1].seconds for fitted in tries),
                maps=recorded(model, arena.test, scaler),
                notes=_notes(job.model, arena, scaler, one),
                learning_rate=rate,
                milliseconds=alone,
                milliseconds_batched=among,
                checks=check_network(model, arena.test, scaler, arena.train.span, f"{job.model} (seed {one.seed})"),
            )
            trained.append(Trained(trial=trial, state=one.state, scaler=scaler))
        return trained


def _rolled(parts: Sequence[Trained]) -> Trained:
    """Joins what one network was and forecast at several origins; weights and maps are those of the newest."""
    *older, newest = (part.trial for part in parts)
    before = sum(len(trial.test) for trial in older)
    trial = replace(
        newest,
        validation=np.concatenate([part.trial.validation for part in parts]),
        test=np.concatenate([part.trial.test for part in parts]),
        seconds=sum(part.trial.seconds for part in parts),
        maps=tuple(replace(one, first=one.first + before) for one in newest.maps),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.trial.notes)),
        checks=tuple(one for part in parts for one in part.trial.checks),
    )
    return replace(parts[-1], trial=trial)


def _fits(
    job: Job,
    arena: Arena,
    recipe: Recipe,
    scaler: Scaler,
    deadline: float | None,
    tick: Callable[[int], None] | None,
) -> list[tuple[nn.Module, Fit, float]]:
    """Trains all seeds of a job by one recipe: the networks, what came of them, and the learning rate."""
    models = [build(job.model, arena.shape, seed) for seed in job.seeds]
    for model in models:
        start(model, arena.train, arena.validation, scaler)
    fits = fit(
        models,
        arena.train,
        arena.validation,
        scaler=scaler,
        recipe=recipe,
        seeds=job.seeds,
        deadline=deadline,
        tick=tick,
    )
    return [(model, one, recipe.learning_rate) for model, one in zip(models, fits, strict=True)]


def judged(one: Fit | Trial) -> float:
    """Gives the best validation loss of a network; the worst there is for a training that diverged."""
    loss = one.history[one.best_epoch - 1].validation
    return loss if loss == loss else float("inf")


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread per job, so that jobs side by side do not wait for each other; the caller gets his own back."""
    before = torch.get_num_threads()
    settle(threads=1)
    try:
        yield
    finally:
        use_threads(before)


def _baseline(name: str, arena: Arena) -> Trained:
    started = time.perf_counter()
    parameters = 0
    notes: tuple[str, ...] = ()
    predict: Callable[[Windows], np.ndarray]
    if name == "persistence":
        predict = baselines.persistence
    elif name == "seasonal_naive":
        season = arena.season or 1
        predict = partial(baselines.seasonal_naive, season=season)
        notes = (f"season of {season} rows",)
    elif name == "ridge":
        ridge = baselines.Ridge.fit(arena.train, arena.validation)
        predict, parameters = ridge.forecast, int(ridge.coefficients.size)
        note = (
            f"best of {ridge.tried} settings on validation: strength {ridge.strength:g}, centred on the "
            f"{ridge.centre}, {len(ridge.columns)} of {arena.train.features} columns"
        )
        notes = (note,)
    else:
        raise OptionError(f"'{name}' is not a baseline.")
    validation, test, seconds = predict(arena.validation), predict(arena.test), time.perf_counter() - started
    alone, among = pace(predict, arena.test)
    trial = Trial(
        model=name,
        seed=None,
        validation=validation,
        test=test,
        parameters=parameters,
        seconds=seconds,
        milliseconds=alone,
        milliseconds_batched=among,
        notes=notes,
    )
    return Trained(trial=trial, state={})


def _notes(model: str, arena: Arena, scaler: Scaler, fitted: Fit) -> tuple[str, ...]:
    spec, notes = get(model), []
    if fitted.diverged:
        notes.append("did not train: its validation loss was never a number")
    if arena.test.horizon > 1 and spec.single_value:
        notes.append(f"the article's model predicts one value; its last layer was widened to {arena.test.horizon}")
    if scaler.kind == "minmax":
        outside = _outside(arena.test, scaler)
        if outside > 0:
            notes.append(
                f"{_share(outside)} of the test values lie outside the train range that its inputs are scaled to, and "
                "its output cannot pass the top of that range"
                if spec.kind == "published" and spec.scaling == "minmax"
                else f"{_share(outside)} of the test values lie outside the train range"
            )
    return tuple(notes)


def _outside(windows: Windows, scaler: Scaler) -> float:
    """Gives the share of targets that lie outside the train range."""
    z = scaler.batch(windows, np.arange(0, len(windows), windows.horizon)).y
    z = z[~np.isnan(z)]
    return float(np.mean((z < 0) | (z > 1))) if z.size else 0.0


def _share(share: float) -> str:
    """A share that is not nothing never reads as nothing."""
    return f"{share:.0%}" if share >= 0.005 else "less than 1%"


def recorded(model: nn.Module, windows: Windows, scaler: Scaler) -> tuple[RecordedMap, ...]:
    """Attention weights of the newest test windows; none for a model without a mechanism of ours."""
    index = np.arange(max(0, len(windows) - _RECORDED), len(windows))
    batch = scaler.batch(windows, index)
    given = [torch.from_numpy(one) for one in (batch.x, batch.future) if one is not None]
    try:
        with record(model) as maps, torch.inference_mode():
            model(*given)
    except OptionError:
        return ()
    return tuple(
        RecordedMap(name=m.name, axes=m.axes, weights=m.weights.numpy().copy(), first=int(index[0]))
        for m in maps.values()
    )
