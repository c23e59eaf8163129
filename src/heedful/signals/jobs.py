"""One job: train one model for one seed on one fold, and let it speak of validation and test."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heedful.data.recordings import Augment, Cuts, SignalScaler
from heedful.errors import OptionError, unknown
from heedful.explanation.record import record
from heedful.models.signals import Ensemble, SignalShape, get
from heedful.models.signals.heads import ClassHead
from heedful.signals import baselines
from heedful.signals.calibration import temperature
from heedful.signals.result import Fold, SignalTrial
from heedful.signals.units import in_units
from heedful.train import Fit, Recipe, fit, logits
from heedful.train.feed import apply
from heedful.train.machine import one_thread
from heedful.train.signals import feed_of
from heedful.trial.result import RecordedMap

IMBALANCE = ("auto", "none", "weights", "focal", "oversample", "undersample")
UNEVEN = 1.5
"""Classes count as uneven where the largest has more than so many times the windows of the smallest."""
FOCAL = 2.0
_RECORDED = 48
_MAPS = 1 << 22  # numbers that the recorded maps of one trial may have
_WARM_UP, _TIMES, _PATIENCE = 3, 30, 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Field:
    """What every job of a classification shares.

    Args:
        folds: the parts and their windows.
        classes: K; 0 for a regression.
        recipe: how all networks are trained; None leaves each its own.
        epochs: at most so many passes over the train windows.
        rates: learning rates of which validation chooses one for each network; none leaves that of its recipe.
        factors: what each recipe's own learning rate is multiplied by, where no rates are given.
        imbalance: one of `IMBALANCE`, but for those that `cut` has done.
        augment: what is done to train windows, `Augment()` nothing; None leaves each model its own.
        scaling: how windows are scaled; None leaves each model its own.
        speed: the facts that the recordings' speeds were taken from, for a bundle to remember.
        defects: orders of a bearing's defects, for models that look for them where speeds are known.
    """

    folds: tuple[Fold, ...]
    classes: int
    recipe: Recipe | None = None
    epochs: int | None = None
    rates: tuple[float, ...] = ()
    factors: tuple[float, ...] = ()
    imbalance: str = "auto"
    augment: Augment | None = None
    scaling: str | None = None
    speed: tuple[str, ...] = ()
    defects: tuple[float, ...] = ()

    @property
    def shape(self) -> SignalShape:
        """Sizes that a model is built for; speeds are told if those of all recordings are known."""
        train = self.folds[0].train
        rate = train.recordings.rate
        told = rate is not None and all(one.speed is not None for one in train.recordings.items)
        return SignalShape(
            train.channels, self.classes, train.window, rate, speed=told, defects=self.defects if told else ()
        )

    def fold(self, name: str) -> Fold:
        """Gives a fold by its name."""
        return next(fold for fold in self.folds if fold.name == name)

    def recipe_for(self, model: str, fold: Fold) -> Recipe:
        """Gives the recipe that was asked for, else the model's own; without validation it watches the train loss."""
        recipe = self.recipe or own_recipe(get(model).recipe, fold.train)
        if self.epochs is not None:
            recipe = replace(recipe, epochs=min(recipe.epochs, self.epochs) if self.recipe is None else self.epochs)
        return replace(recipe, watch="train") if fold.validation is None else recipe

    def augment_of(self, model: str) -> Augment | None:
        """Gives how train windows are varied: what was asked for, else the model's own."""
        return own_augment(model) if self.augment is None else self.augment

    def recipes_for(self, model: str, fold: Fold) -> list[Recipe]:
        """Gives a model's recipe with each of the learning rates that are tried; without validation none is tried."""
        own = self.recipe_for(model, fold)
        if get(model).recipe == "article" or fold.validation is None:
            return [own]
        tried = self.rates or [own.learning_rate * factor for factor in self.factors]
        return [replace(own, learning_rate=rate) for rate in tried] or [own]

    def run(
        self, job: SignalJob, deadline: float | None = None, tick: Callable[[int], None] | None = None
    ) -> list[Heard]:
        """Runs one job; the same job gives the same trial in whatever process it runs.

        Raises: TimeUp when the deadline (time.monotonic()) passes.
        """
        return [_trained(job, self, deadline, tick) if job.seeds else _baseline(job, self)]


@dataclass(frozen=True, kw_only=True)
class SignalJob:
    """One model, one fold and the seed; a baseline has none."""

    model: str
    seeds: tuple[int, ...]
    fold: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Heard:
    """A trial and what its model needs to be asked again; a baseline has no weights."""

    trial: SignalTrial
    state: dict[str, Tensor]
    scaler: SignalScaler | None = None


def plan_jobs(models: Sequence[str], seeds: Sequence[int], folds: Sequence[Fold]) -> list[SignalJob]:
    """Puts the work in order: baselines, then all models seed by seed and fold by fold."""
    jobs = [SignalJob(model=name, seeds=(), fold=fold.name) for name in baselines.SUMMARIES for fold in folds]
    jobs += [
        SignalJob(model=name, seeds=(seed,), fold=fold.name) for seed in seeds for fold in folds for name in models
    ]
    return jobs


def own_recipe(name: str, train: Cuts) -> Recipe:
    """Gives the recipe of a name for so many windows."""
    if name == "article":
        return Recipe.article()
    if name == "orders":
        return Recipe.orders()
    made = {"archive": Recipe.archive, "signals": Recipe.signals}
    if name not in made:
        raise unknown("recipe", name, (*made, "orders", "article"))
    return made[name](len(train))


def own_augment(model: str) -> Augment | None:
    """Gives what is done to train windows of a model by default; None if nothing is."""
    wanted: dict[str, Any] = dict(get(model).augment)
    return Augment(**wanted) if wanted else None


def build(model: str, field: Field, fold: Fold, seed: int) -> nn.Module:
    """Builds a network whose start depends on the seed alone, with a head for uneven classes where that is asked.

    A number is told in the unit of the train windows' targets.
    """
    net: nn.Module = get(model).build(field.shape, seed)
    weigh(net, fold.train, field.imbalance)
    return net if field.classes else in_units(net, fold.train.targets)


def weigh(net: nn.Module, train: Cuts, how: str) -> None:
    """Gives a classifier the loss for classes as uneven as these."""
    head = getattr(net, "head", None)
    if isinstance(head, ClassHead):
        weights, focal = balance(train, how)
        for member in net.members if isinstance(net, Ensemble) else (net,):
            member.head = replace(head, weights=weights, focal=focal)  # type: ignore[assignment]


def balance(train: Cuts, how: str) -> tuple[tuple[float, ...] | None, float | None]:
    """Gives weights of the classes and the focal exponent; weights make every class count alike, their mean is 1.

    Raises: UnknownName for another word.
    """
    if how not in IMBALANCE:
        raise unknown("way to handle uneven classes", how, IMBALANCE)
    counts = np.bincount(train.labels[train.labels >= 0], minlength=len(train.classes))
    present = counts > 0
    uneven = counts[present].max() > UNEVEN * counts[present].min()
    if how == "focal":
        return None, FOCAL
    if how == "weights" or (how == "auto" and uneven):
        weights = np.where(present, counts.sum() / (present.sum() * np.maximum(counts, 1)), 1.0)
        return tuple(weights.tolist()), None
    return None, None


# --- networks ------------------------------------------------------------------------------------------------------


def _trained(job: SignalJob, field: Field, deadline: float | None, tick: Callable[[int], None] | None) -> Heard:
    with one_thread():
        fold, spec, [seed] = field.fold(job.fold), get(job.model), job.seeds
        scaler = SignalScaler.fit(fold.train, field.scaling or spec.scaling)
        augment = field.augment_of(job.model)
        tries = []
        for recipe in field.recipes_for(job.model, fold):
            net = build(job.model, field, fold, seed)
            tries.append(
                (net, *_fitted(net, fold, scaler, recipe, seed, augment, deadline, tick), recipe.learning_rate)
            )
        net, one, state, rate = min(tries, key=lambda found: judged(found[1]))
        net.load_state_dict(state)
        validation = np.empty((0, field.shape.outputs), np.float32)
        heat = 1.0
        if fold.validation is not None:
            validation = logits(net, fold.validation, scaler)
            heat = temperature(validation, fold.validation.labels) if field.classes else 1.0
        trial = SignalTrial(
            model=job.model,
            seed=seed,
            fold=job.fold,
            validation=validation,
            test=logits(net, fold.test, scaler),
            temperature=heat,
            history=one.history,
            best_epoch=one.best_epoch,
            parameters=sum(p.numel() for p in net.parameters()),
            seconds=sum(fitted.seconds for _, fitted, _, _ in tries),
            milliseconds=pace(net, fold.test, scaler),
            maps=recorded(net, fold.test, scaler),
            notes=("did not train: its loss was never a number",) if one.diverged else (),
            learning_rate=rate,
        )
        return Heard(trial=trial, state=state, scaler=scaler)


def judged(one: Fit) -> float:
    """Gives the validation loss of the epoch that was kept, else its train loss; the worst there is if none is one."""
    losses = one.validation_loss or one.train_loss
    value = losses[one.best_epoch - 1]
    return value if value == value else float("inf")


def _fitted(
    net: nn.Module,
    fold: Fold,
    scaler: SignalScaler,
    recipe: Recipe,
    seed: int,
    augment: Augment | None,
    deadline: float | None,
    tick: Callable[[int], None] | None,
) -> tuple[Fit, dict[str, Tensor]]:
    """Trains a network, or the members of an ensemble each by itself; gives what came of it and all weights.

    Of an ensemble the course is that of its worst member, the seconds those of all.
    """
    members = list(net.members) if isinstance(net, Ensemble) else [net]
    fits = fit(
        members,
        fold.train,
        fold.validation,
        scaler=scaler,
        recipe=recipe,
        seeds=[len(members) * seed + number for number in range(len(members))],
        augment=augment,
        deadline=deadline,
        tick=tick,
    )
    if len(fits) == 1:
        return fits[0], fits[0].state
    state = {f"members.{i}.{name}": value for i, one in enumerate(fits) for name, value in one.state.items()}
    worst = max(fits, key=lambda one: one.best)
    return replace(worst, seed=seed, seconds=sum(one.seconds for one in fits)), state


def pace(net: nn.Module, cuts: Cuts, scaler: SignalScaler) -> float:
    """Measures how long one window takes by itself: the middle of up to 30 times, after three that do not count.

    Unit: milliseconds.
    """
    took: list[float] = []
    for number in range(_WARM_UP + _TIMES):
        one = cuts.take(np.array([number % len(cuts)]))
        began = time.perf_counter()
        logits(net, one, scaler, device="cpu")
        took.append(time.perf_counter() - began)
        if sum(took) > _PATIENCE and number >= _WARM_UP:
            break
    return 1000 * median(took[_WARM_UP:])


def recorded(net: nn.Module, cuts: Cuts, scaler: SignalScaler) -> tuple[RecordedMap, ...]:
    """Attention weights of test windows spread evenly over the part; none for a model without a mechanism of ours.

    The numbers of the windows are `shown(cuts)`.
    """
    index = shown(cuts)
    feed = feed_of(cuts, scaler, torch.device("cpu"), net, resident=False)
    try:
        with record(net.eval()) as maps, torch.inference_mode():
            apply(net, feed.gather(index))
    except OptionError:
        return ()
    found, left = [], _MAPS
    for one in maps.values():
        weights = one.weights.float().numpy()
        if weights.size <= left:
            left -= weights.size
            found.append(RecordedMap(name=one.name, axes=one.axes, weights=weights.copy(), first=0))
    return tuple(found)


def shown(cuts: Cuts) -> np.ndarray:
    """Numbers of the test windows whose attention is recorded: at most 48, spread evenly."""
    return np.unique(np.linspace(0, len(cuts) - 1, min(_RECORDED, len(cuts))).astype(int))


# --- baselines -----------------------------------------------------------------------------------------------------


def _baseline(job: SignalJob, field: Field) -> Heard:
    fold = field.fold(job.fold)
    told = baselines.run(job.model, fold.train, fold.validation, fold.test)
    validation, test = told.validation, told.test
    if field.classes:
        validation, test = (np.log(np.maximum(said, 1e-7)) for said in (validation, test))
    trial = SignalTrial(
        model=job.model,
        seed=None,
        fold=job.fold,
        validation=validation,
        test=test,
        seconds=told.seconds,
        notes=told.notes,
    )
    return Heard(trial=trial, state={})
