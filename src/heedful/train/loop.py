"""The training loop: one model, or all seeds of one model at once in stacked tensors. It never sees a test row.

Windows of a table and windows of recordings are learned by the same loop: it is handed tensors, and asks the model for
the loss.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from heedful.data.recordings import Augment, Cuts, SignalScaler
from heedful.data.scale import Scaler
from heedful.data.windows import Windows
from heedful.errors import OptionError
from heedful.train import checkpoint as files
from heedful.train import devices
from heedful.train.blend import settle_share
from heedful.train.feed import Feed, Tensors, apply, shuffled
from heedful.train.fitted import Fit, TimeUp
from heedful.train.loss import totals
from heedful.train.parallel import share
from heedful.train.recipe import Recipe
from heedful.train.schedule import Average, rate
from heedful.train.signals import SignalFeed, Signals, augmented, calibrate, classes_of, feed_of
from heedful.train.stack import clip_gradients, stack, unstack

_COURSE = ("best_epoch", "train_loss", "validation_loss", "rates", "clock")


def fit(
    models: Sequence[nn.Module],
    train: Windows | Cuts,
    validation: Windows | Cuts | None,
    *,
    scaler: Scaler | SignalScaler,
    recipe: Recipe,
    seeds: Sequence[int],
    augment: Augment | None = None,
    deadline: float | None = None,
    tick: Callable[[int], None] | None = None,
    checkpoint: str | Path | None = None,
    device: str | None = None,
) -> list[Fit]:
    """Trains one model per seed; several models are trained at once, each on its own order of the windows.

    The same arguments give the same numbers, bit for bit, on one machine and number of threads. Inside
    `parallel.joined()` every process learns from its share of each batch.

    Args:
        models: freshly built models of one kind, one per seed; their weights are used as the start, and stay. What a
            model's own `penalty()` gives, if it has one, is added to the loss of every step.
        train: windows of a table, or of recordings; a model of recordings has a head with its own loss.
        validation: windows of the same kind; None if the recipe watches the loss on the train windows.
        augment: what is done to windows of recordings while they are learned, anew in every epoch.
        deadline: `time.monotonic()` after which TimeUp is raised.
        tick: called after each epoch with its number.
        checkpoint: file that is written after each epoch and removed at the end; a training that was cut off goes on
            from it and ends at the same numbers. Each seed that is trained alone has its own, `name.seed.suffix`;
            several processes must see the same folder.
        device: "cpu" or "cuda"; by default a GPU where there is one.

    Raises: OptionError if there is not one model per seed, if validation windows are missing, or if the checkpoint is
        another training's; ShapeError if the model's output is not (windows, horizon), or (windows, horizon, targets)
        for several targets; DataError for recordings without labels; TimeUp.
    """
    if len(models) != len(seeds) or not models:
        raise OptionError(f"fit needs one model per seed, got {len(models)} models and seeds {tuple(seeds)}.")
    if validation is None and recipe.watch != "train":
        raise OptionError(
            "fit needs validation windows to choose the best epoch, got none. Give them, or a recipe with "
            "watch='train' that chooses by the loss on the train windows."
        )
    if augment is not None and isinstance(train, Windows):
        raise OptionError("fit augments windows of recordings only, got windows of a table. Leave augment out.")
    # A learning rate that follows one seed's losses, and gradients sent between processes, are for one model; a
    # network of recordings is large enough to fill a step by itself.
    alone = recipe.schedule == "plateau" or share().world > 1 or not isinstance(train, Windows)
    groups = [[i] for i in range(len(models))] if alone else [list(range(len(models)))]
    fits: list[Fit] = []
    for group in groups:
        path = None if checkpoint is None else Path(checkpoint)
        if path is not None and len(groups) > 1:
            path = path.with_name(f"{path.stem}.{seeds[group[0]]}{path.suffix}")
        training = _Training(
            [models[i] for i in group],
            train,
            validation,
            scaler=scaler,
            recipe=recipe,
            seeds=[seeds[i] for i in group],
            augment=augment or None,
            device=devices.choose(device),
            path=path,
        )
        fits += training.run(deadline, tick)
    return fits


class _Training:
    """One net on its way: a model, or several stacked as lanes, one for each seed."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        train: Windows | Cuts,
        validation: Windows | Cuts | None,
        *,
        scaler: Scaler | SignalScaler,
        recipe: Recipe,
        seeds: Sequence[int],
        augment: Augment | None,
        device: torch.device,
        path: Path | None,
    ) -> None:
        self.recipe, self.seeds, self.device, self.share = recipe, seeds, device, share()
        self.augment, self.classes, self.path = augment, classes_of(models[0]), path
        self.net = (copy.deepcopy(models[0]) if len(models) == 1 else stack(models)).to(device)
        self.share.follow(self.net, weights=True)
        if path:
            world = self.share.world
            decisive: dict[str, Any] = {"scaler": scaler, "recipe": recipe, "seeds": seeds, "augment": augment}
            self.key = files.key(self.net, train, validation, processes=world, **decisive)
        # Windows are augmented where they are read, before they go to the device.
        home = device if augment is None else torch.device("cpu")
        self.train = feed_of(train, scaler, home, models[0], prepared=augment is None)
        self.train.learnable()
        known = None if validation is None else feed_of(validation, scaler, device, models[0], prepared=True)
        self.validation = known
        self.penalty = getattr(self.net, "penalty", None)
        self.used = recipe.windows_for(len(train))
        self.batch = max(1, recipe.batch_for(self.used, train.window) // self.share.world)
        self.steps = -(-self.used // (self.batch * self.share.world))
        self.weights = list(self.net.parameters())
        kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
        self.optimiser = kind(self.weights, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
        self.average = None if recipe.average is None else Average(self.weights, recipe.average)
        blank = Fit(seed=0, state={}, train_loss=(), validation_loss=(), best_epoch=0, seconds=0.0, watch=recipe.watch)
        self.fits = [replace(blank, seed=seed) for seed in seeds]

    def run(self, deadline: float | None, tick: Callable[[int], None] | None) -> list[Fit]:
        """Goes through the epochs until none of the seeds gets better."""
        path = self.path
        self.started = time.perf_counter() - (self._resume(path) if path else 0.0)
        done = max(len(one.train_loss) for one in self.fits)
        if not done:
            calibrate(self.net, self.train, self.device)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            for epoch in range(done + 1, self.recipe.epochs + 1):
                if all(self._done(one) for one in self.fits):
                    break
                # Dropout has no generator argument; fork_rng keeps the caller's stream.
                torch.manual_seed(_stream(self.seeds[0], epoch, self.share.rank))
                self._epoch(epoch, deadline)
                if path and self.share.first:
                    self._save(path)
                if tick and self.share.first:
                    tick(epoch)
        self._blend()
        if path and self.share.first:
            path.unlink(missing_ok=True)
        return [replace(one, seconds=self._seconds()) for one in self.fits]

    def _seconds(self) -> float:
        """Tells how long a seed has taken, of those that share the time."""
        return (time.perf_counter() - self.started) / len(self.seeds)

    def _blend(self) -> None:
        """Mixes the best weights with the linear map beside them, where the model has one to be mixed with."""
        if len(self.seeds) == 1 and hasattr(self.net, "share") and isinstance(self.validation, Feed):
            self.net.load_state_dict(self.fits[0].state)
            settle_share(self.net, self.validation)
            self.fits[0] = replace(self.fits[0], state=self._state(0))

    def _epoch(self, epoch: int, deadline: float | None) -> None:
        learned = self._learn(epoch, deadline)
        self.share.follow(self.net, weights=False)
        with self.average.shown() if self.average else nullcontext():
            checked = self._check(self.validation) if self.validation else []
            for lane in range(len(self.seeds)):
                self._advance(lane, learned[lane], *checked[lane : lane + 1])

    def _learn(self, epoch: int, deadline: float | None) -> list[float]:
        """Makes one pass over the train windows; gives the loss by seed, over all observed values."""
        self.net.train()
        lanes = len(self.seeds)
        sums, counts = torch.zeros(2, lanes, dtype=torch.float64, device=self.device)
        orders = [shuffled(len(self.train.windows), seed, epoch)[: self.used] for seed in self.seeds]
        order = self.share.part(orders[0] if lanes == 1 else np.stack(orders))
        narrow = devices.reduced(self.recipe.precision, self.device)
        rng = np.random.default_rng([self.seeds[0], epoch, self.share.rank])
        complete = self.train.complete and self.used % self.share.world == 0
        batches: Iterator[Tensors | Signals] = self.train.batches(order, self.batch)
        for i, batch in enumerate(batches):
            step = (epoch - 1) * self.steps + i
            for group in self.optimiser.param_groups:
                group["lr"] = rate(self.recipe, step, self.recipe.epochs * self.steps, self.fits[0].watched)
            if self.augment is not None and isinstance(batch, Signals):
                batch = augmented(self.augment, batch, rng, classes=self.classes).map(lambda t: t.to(self.device))
            self.optimiser.zero_grad(set_to_none=True)
            with torch.autocast(self.device.type, torch.bfloat16) if narrow else nullcontext():
                raw = apply(self.net, batch)
            losses, seen = totals(self.net, raw.float(), batch.y, kind=self.recipe.loss, lanes=lanes, complete=complete)
            every = self._in_time(seen, deadline)
            wanted = (losses / every.clamp_min(1)).sum()
            if self.penalty is not None:
                wanted = wanted + self.penalty() / self.share.world
            wanted.backward()  # type: ignore[no-untyped-call]
            self.share.add_gradients(self.net)
            if self.recipe.clip is not None:
                clip_gradients(self.net, self.recipe.clip, lanes)
            self.optimiser.step()
            if self.average:
                self.average.update(step)
            sums += losses.detach()
            counts += seen
        return self._means(sums, counts)

    def _in_time(self, seen: Tensor, deadline: float | None) -> Tensor:
        """Counts what all processes see in this batch; all of them stop if one is late."""
        late = deadline is not None and time.monotonic() > deadline
        if self.share.world == 1:
            if late:
                raise TimeUp
            return seen
        message = self.share.total(torch.cat([seen, seen.new_tensor([float(late)])]))
        if message[-1]:
            raise TimeUp
        return message[:-1]

    def _check(self, feed: Feed | SignalFeed) -> list[float]:
        """Gives the loss by seed over all validation windows, each counted once."""
        self.net.eval()
        lanes = len(self.seeds)
        order = self.share.part(np.arange(len(feed.windows)))
        complete = feed.complete and len(feed.windows) % self.share.world == 0
        sums, counts = torch.zeros(2, lanes, dtype=torch.float64, device=self.device)
        with torch.inference_mode():
            for batch in feed.batches(order, feed.size(lanes)):
                if lanes > 1 and isinstance(batch, Tensors):
                    batch = batch.map(lambda t: t.expand(lanes, *t.shape))
                losses, seen = totals(
                    self.net, apply(self.net, batch), batch.y, kind=self.recipe.loss, lanes=lanes, complete=complete
                )
                sums += losses
                counts += seen
        return self._means(sums, counts)

    def _means(self, sums: Tensor, counts: Tensor) -> list[float]:
        sums, counts = self.share.total(torch.stack([sums, counts]))
        return [float(mean) for mean in sums / counts.clamp_min(1)]

    def _advance(self, lane: int, learned: float, *checked: float) -> None:
        one = self.fits[lane]
        if self._done(one):
            return
        epoch = len(one.train_loss) + 1
        judged = learned if self.recipe.watch == "train" else checked[0]
        better = epoch == 1 or (isfinite(judged) and judged < one.best)
        self.fits[lane] = replace(
            one,
            train_loss=(*one.train_loss, learned),
            validation_loss=(*one.validation_loss, *checked),
            rates=(*one.rates, self.optimiser.param_groups[0]["lr"]),
            clock=(*one.clock, self._seconds()),
            state=self._state(lane) if better else one.state,
            best_epoch=epoch if better else one.best_epoch,
        )

    def _done(self, one: Fit) -> bool:
        return len(one.train_loss) - one.best_epoch >= self.recipe.patience

    def _state(self, lane: int) -> dict[str, Tensor]:
        state = self.net.state_dict() if len(self.seeds) == 1 else unstack(self.net, lane)
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    def _save(self, path: Path) -> None:
        tensors = files.collect(self.net, self.optimiser, self.average)
        for lane, one in enumerate(self.fits):
            tensors |= {f"best/{lane}/{name}": value for name, value in one.state.items()}
        course = [[getattr(one, name) for name in _COURSE] for one in self.fits]
        seconds = time.perf_counter() - self.started
        files.save(path, tensors, {"key": self.key, "seconds": seconds, "course": course})

    def _resume(self, path: Path) -> float:
        """Takes up what `_save` left, if anything; gives the seconds it had taken."""
        kept = files.load(path, self.key)
        self.share.agree(kept is not None, f"the checkpoint {path}")
        if kept is None:
            return 0.0
        tensors, told = kept
        files.restore(tensors, self.net, self.optimiser, self.average)
        for lane, course in enumerate(told["course"]):
            found = zip(_COURSE, course, strict=True)
            known: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in found}
            self.fits[lane] = replace(self.fits[lane], state=files.below(tensors, f"best/{lane}"), **known)
        return float(told["seconds"])


def _stream(seed: int, epoch: int, rank: int) -> int:
    """Gives the start of the random stream of an epoch, so that no stream has to be kept between epochs."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)
