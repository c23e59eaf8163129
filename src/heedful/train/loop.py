"""The training loop: one model, or all seeds of one model at once in stacked tensors. It never sees a test row."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from heedful.data.scale import Scaler
from heedful.data.windows import Windows
from heedful.errors import OptionError
from heedful.train import checkpoint as files
from heedful.train import devices
from heedful.train.blend import settle_share
from heedful.train.feed import Feed, apply, reads_future, shuffled
from heedful.train.loss import totals
from heedful.train.parallel import share
from heedful.train.recipe import Recipe
from heedful.train.schedule import Average, rate
from heedful.train.stack import stack, unstack


class TimeUp(Exception):
    """Raised by `fit` when the deadline passes; what was trained is lost unless there is a checkpoint."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """One finished training: the best weights and the way there.

    Shape: state has the model's own parameter names and shapes; losses are per epoch, on scaled values.
    """

    seed: int
    state: dict[str, Tensor]
    train_loss: tuple[float, ...]
    validation_loss: tuple[float, ...]
    best_epoch: int
    seconds: float

    @property
    def diverged(self) -> bool:
        """True if no epoch had a validation loss that is a number; the weights are then worth nothing."""
        return not any(isfinite(loss) for loss in self.validation_loss)

    @property
    def best(self) -> float:
        """The best validation loss; infinite while there is none."""
        return min((loss for loss in self.validation_loss if isfinite(loss)), default=float("inf"))


def fit(
    models: Sequence[nn.Module],
    train: Windows,
    validation: Windows,
    *,
    scaler: Scaler,
    recipe: Recipe,
    seeds: Sequence[int],
    deadline: float | None = None,
    tick: Callable[[int], None] | None = None,
    checkpoint: str | Path | None = None,
    device: str | None = None,
) -> list[Fit]:
    """Trains one model per seed; several models are trained at once, each on its own order of the windows.

    The same arguments give the same numbers, bit for bit, on one machine and number of threads. Inside
    `parallel.joined()` every process learns from its share of each batch.

    Args:
        models: freshly built models of one kind, one per seed; their weights are used as the start, and stay.
        deadline: `time.monotonic()` after which TimeUp is raised.
        tick: called after each epoch with its number.
        checkpoint: file that is written after each epoch and removed at the end; a training that was cut off goes on
            from it and ends at the same numbers. Each seed that is trained alone has its own, `name.seed.suffix`;
            several processes must see the same folder.
        device: "cpu" or "cuda"; by default a GPU where there is one.

    Raises: OptionError if there is not one model per seed, or if the checkpoint is another training's; ShapeError if
        the model's output is not (windows, horizon), or (windows, horizon, targets) for several targets; TimeUp.
    """
    if len(models) != len(seeds) or not models:
        raise OptionError(f"fit needs one model per seed, got {len(models)} models and seeds {tuple(seeds)}.")
    # A learning rate that follows one seed's losses, and gradients sent between processes, are for one model.
    alone = recipe.schedule == "plateau" or share().world > 1
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
            device=devices.choose(device),
        )
        fits += training.run(deadline, tick, path)
    return fits


class _Training:
    """One net on its way: a model, or several stacked as lanes, one for each seed."""

    def __init__(
        self,
        models: Sequence[nn.Module],
        train: Windows,
        validation: Windows,
        *,
        scaler: Scaler,
        recipe: Recipe,
        seeds: Sequence[int],
        device: torch.device,
    ) -> None:
        self.recipe, self.seeds, self.device, self.share = recipe, seeds, device, share()
        self.net = (copy.deepcopy(models[0]) if len(models) == 1 else stack(models)).to(device)
        self.share.follow(self.net, weights=True)
        self.key = files.key(
            self.net, train, validation, scaler=scaler, recipe=recipe, seeds=seeds, processes=self.share.world
        )
        future = reads_future(models[0])
        self.train = Feed(train, scaler, device, future=future)
        self.validation = Feed(validation, scaler, device, future=future)
        self.used = recipe.windows_for(len(train))
        self.batch = max(1, recipe.batch_for(self.used, train.window) // self.share.world)
        self.steps = -(-self.used // (self.batch * self.share.world))
        self.weights = list(self.net.parameters())
        kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
        self.optimiser = kind(self.weights, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
        self.average = None if recipe.average is None else Average(self.weights, recipe.average)
        self.fits = [Fit(seed=s, state={}, train_loss=(), validation_loss=(), best_epoch=0, seconds=0.0) for s in seeds]

    def run(self, deadline: float | None, tick: Callable[[int], None] | None, path: Path | None) -> list[Fit]:
        """Goes through the epochs until none of the seeds gets better."""
        before = self._resume(path) if path else 0.0
        started = time.perf_counter() - before
        done = max(len(one.train_loss) for one in self.fits)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            for epoch in range(done + 1, self.recipe.epochs + 1):
                if all(self._done(one) for one in self.fits):
                    break
                # Dropout has no generator argument; fork_rng keeps the caller's stream.
                torch.manual_seed(_stream(self.seeds[0], epoch, self.share.rank))
                self._epoch(epoch, deadline)
                if path and self.share.first:
                    self._save(path, time.perf_counter() - started)
                if tick and self.share.first:
                    tick(epoch)
        self._blend()
        if path and self.share.first:
            path.unlink(missing_ok=True)
        seconds = (time.perf_counter() - started) / len(self.seeds)
        return [replace(one, seconds=seconds) for one in self.fits]

    def _blend(self) -> None:
        """Mixes the best weights with the linear map beside them, where the model has one to be mixed with."""
        if len(self.seeds) == 1 and hasattr(self.net, "share"):
            self.net.load_state_dict(self.fits[0].state)
            settle_share(self.net, self.validation)
            self.fits[0] = replace(self.fits[0], state=self._state(0))

    def _epoch(self, epoch: int, deadline: float | None) -> None:
        learned = self._learn(epoch, deadline)
        with self.average.shown() if self.average else nullcontext():
            checked = self._check()
            for lane in range(len(self.seeds)):
                self._advance(lane, learned[lane], checked[lane])

    def _learn(self, epoch: int, deadline: float | None) -> list[float]:
        """Makes one pass over the train windows; gives the loss by seed, over all observed values."""
        self.net.train()
        lanes = len(self.seeds)
        sums, counts = torch.zeros(2, lanes, dtype=torch.float64, device=self.device)
        orders = [shuffled(len(self.train.windows), seed, epoch)[: self.used] for seed in self.seeds]
        order = self.share.part(orders[0] if lanes == 1 else np.stack(orders))
        narrow = devices.reduced(self.recipe.precision, self.device)
        complete = self.train.complete and self.used % self.share.world == 0
        for i, batch in enumerate(self.train.batches(order, self.batch)):
            step = (epoch - 1) * self.steps + i
            for group in self.optimiser.param_groups:
                group["lr"] = rate(self.recipe, step, self.recipe.epochs * self.steps, self.fits[0].validation_loss)
            self.optimiser.zero_grad(set_to_none=True)
            with torch.autocast(self.device.type, torch.bfloat16) if narrow else nullcontext():
                raw = apply(self.net, batch)
            losses, seen = totals(self.net, raw.float(), batch.y, kind=self.recipe.loss, lanes=lanes, complete=complete)
            every = self._in_time(seen, deadline)
            (losses / every.clamp_min(1)).sum().backward()  # type: ignore[no-untyped-call]
            self.share.add_gradients(self.net)
            if self.recipe.clip is not None:
                _clip(self.net, self.recipe.clip, lanes)
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

    def _check(self) -> list[float]:
        """Gives the loss by seed over all validation windows, each counted once."""
        self.share.follow(self.net, weights=False)
        self.net.eval()
        feed, lanes = self.validation, len(self.seeds)
        order = self.share.part(np.arange(len(feed.windows)))
        complete = feed.complete and len(feed.windows) % self.share.world == 0
        sums, counts = torch.zeros(2, lanes, dtype=torch.float64, device=self.device)
        with torch.inference_mode():
            for batch in feed.batches(order, feed.size(lanes)):
                if lanes > 1:
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

    def _advance(self, lane: int, learned: float, checked: float) -> None:
        one = self.fits[lane]
        if self._done(one):
            return
        epoch = len(one.train_loss) + 1
        better = epoch == 1 or (isfinite(checked) and checked < one.best)
        self.fits[lane] = replace(
            one,
            train_loss=(*one.train_loss, learned),
            validation_loss=(*one.validation_loss, checked),
            state=self._state(lane) if better else one.state,
            best_epoch=epoch if better else one.best_epoch,
        )

    def _done(self, one: Fit) -> bool:
        return len(one.train_loss) - one.best_epoch >= self.recipe.patience

    def _state(self, lane: int) -> dict[str, Tensor]:
        state = self.net.state_dict() if len(self.seeds) == 1 else unstack(self.net, lane)
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    def _save(self, path: Path, seconds: float) -> None:
        tensors = files.collect(self.net, self.optimiser, self.average)
        for lane, one in enumerate(self.fits):
            tensors |= {f"best/{lane}/{name}": value for name, value in one.state.items()}
        course = [[one.train_loss, one.validation_loss, one.best_epoch] for one in self.fits]
        files.save(path, tensors, {"key": self.key, "seconds": seconds, "course": course})

    def _resume(self, path: Path) -> float:
        """Takes up what `_save` left, if anything; gives the seconds it had taken."""
        found = files.load(path, self.key)
        self.share.agree(found is not None, f"the checkpoint {path}")
        if found is None:
            return 0.0
        tensors, told = found
        files.restore(tensors, self.net, self.optimiser, self.average)
        for lane, (learned, checked, best) in enumerate(told["course"]):
            self.fits[lane] = replace(
                self.fits[lane],
                train_loss=tuple(learned),
                validation_loss=tuple(checked),
                best_epoch=best,
                state=files.below(tensors, f"best/{lane}"),
            )
        return float(told["seconds"])


def _stream(seed: int, epoch: int, rank: int) -> int:
    """Gives the start of the random stream of an epoch, so that no stream has to be kept between epochs."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)


def _clip(net: nn.Module, largest: float, lanes: int) -> None:
    """Clips the gradient's norm, seed by seed."""
    if lanes == 1:
        torch.nn.utils.clip_grad_norm_(net.parameters(), largest)
        return
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    norm = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt()
    scale = (largest / (norm + 1e-6)).clamp_max(1.0)
    for g in gradients:
        g.mul_(scale.view(-1, *[1] * (g.ndim - 1)))
