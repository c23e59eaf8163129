"""One table, one model, trained: settings decided, seeds trained, the best kept, intervals calibrated."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from heedful.baselines import Linear
from heedful.bundle import TURN, Bundle, Reading
from heedful.data.scale import Scaler
from heedful.data.series import Series
from heedful.data.split import Split
from heedful.data.windows import Windows, windows
from heedful.errors import DataError
from heedful.forecasting.inputs import Columns, check_targets, describe_split
from heedful.forecasting.outputs import calibrate
from heedful.forecasting.settings import Settings
from heedful.models import Shape
from heedful.scout import start_line
from heedful.train import Fit, Recipe, fit
from heedful.train import checkpoint as files
from heedful.train.machine import settle, use_threads
from heedful.train.stack import stackable

Tick = Callable[[int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A bundle, and the windows that it was made from."""

    bundle: Bundle
    train: Windows
    validation: Windows


def train(
    parts: Split,
    chosen: Settings,
    columns: Columns,
    *,
    seeds: Sequence[int],
    levels: Sequence[float],
    checkpoint: Path | None = None,
    tick: Tick | None = None,
) -> Trained:
    """Trains a model for every seed, keeps the best on validation and calibrates its intervals there.

    Threads of one process take turns: what is trained does not depend on what is trained beside it.

    Args:
        checkpoint: file from which a training that was cut off goes on; it is removed at the end.

    Raises: DataError if no window fits a part or a target was never observed in it.
    """
    shape = chosen.shape
    learned, judged = (windows(part, shape.window, shape.horizon) for part in (parts.train, parts.validation))
    check_targets(learned, judged)
    scaler = Scaler.fit(parts.train, chosen.scaling)
    with TURN:
        threads = torch.get_num_threads()
        settle(threads=1)
        try:
            fits, nets = _fits(chosen, learned, judged, scaler, seeds, checkpoint, tick)
        finally:
            use_threads(threads)
        best = min(range(len(fits)), key=lambda i: _validation(fits[i]))
        nets[best].load_state_dict(fits[best].state)
        intervals = calibrate(nets[best], judged, scaler, levels)
    series = parts.train.series
    return Trained(
        bundle=Bundle(
            model=chosen.model,
            plan=chosen.plan,
            shape=shape,
            state=fits[best].state,
            scaler=scaler,
            step=series.step,
            reading=Reading.of(series, series=columns.series, time=columns.time),
            intervals=intervals,
            levels=tuple(level for level in levels if level in intervals.levels),
            notes=(*series.notes, *chosen.notes, *_notes(fits[best], intervals.refused, levels, intervals.windows)),
            facts=_facts(series, parts, fits, best, chosen.recipe),
        ),
        train=learned,
        validation=judged,
    )


def built(build: Callable[[Shape], nn.Module], shape: Shape, seed: int) -> nn.Module:
    """Builds a network whose first weights depend on the seed alone."""
    with TURN, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(shape)


def start(net: nn.Module, train: Windows, validation: Windows, scaler: Scaler, line: Linear | None = None) -> None:
    """Starts the map beside a network in closed form; with too many gaps for one it starts at zero."""
    with suppress(DataError):
        start_line(net, train, validation, scaler, line)


def versions() -> dict[str, str]:
    """Versions of what decides the numbers."""
    return {
        "python": platform.python_version(),
        **{p: _version(p) for p in ("heedful", "torch", "numpy", "pandas", "scipy")},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _fits(
    chosen: Settings,
    learned: Windows,
    judged: Windows,
    scaler: Scaler,
    seeds: Sequence[int],
    checkpoint: Path | None,
    tick: Tick | None,
) -> tuple[list[Fit], list[nn.Module]]:
    """Trains all seeds at once where they can be stacked, one after the other where not."""
    shape = chosen.shape
    nets = [built(chosen.build, shape, seed) for seed in seeds]
    for net in nets:
        start(net, learned, judged, scaler, chosen.line)
    together = len(seeds) > 1 and stackable(nets[0], window=shape.window, features=shape.features)
    groups = [list(range(len(seeds)))] if together else [[i] for i in range(len(seeds))]
    fits: list[Fit] = []
    for group in groups:
        own = [seeds[i] for i in group]
        kept = None if checkpoint is None else _Kept(checkpoint, nets[group[0]], learned, judged, scaler, chosen, own)
        found = kept.read() if kept else None
        if found is None:
            found = fit(
                [nets[i] for i in group],
                learned,
                judged,
                scaler=scaler,
                recipe=chosen.recipe,
                seeds=own,
                tick=tick,
                checkpoint=kept.running if kept else None,
            )
            if kept:
                kept.write(found)
        fits += found
    return fits, nets


class _Kept:
    """Files of a training beside its bundle-to-be: the running one, and the finished one while other seeds train."""

    def __init__(
        self,
        path: Path,
        net: nn.Module,
        learned: Windows,
        judged: Windows,
        scaler: Scaler,
        chosen: Settings,
        seeds: Sequence[int],
    ) -> None:
        self.running = path.with_name(f"{path.name}.{seeds[0]}")
        self.finished = path.with_name(f"{path.name}.{seeds[0]}.done")
        self.seeds = seeds
        self.key = files.key(net, learned, judged, scaler=scaler, recipe=chosen.recipe, seeds=seeds)

    def read(self) -> list[Fit] | None:
        """Gives the finished trainings; None if there are none.

        Raises: OptionError for those of another training.
        """
        found = files.load(self.finished, self.key)
        if found is None:
            return None
        tensors, told = found
        return [
            Fit(
                seed=seed,
                state=files.below(tensors, str(seed)),
                train_loss=tuple(learned),
                validation_loss=tuple(judged),
                best_epoch=best,
                seconds=seconds,
            )
            for seed, (learned, judged, best, seconds) in zip(self.seeds, told["course"], strict=True)
        ]

    def write(self, fits: Sequence[Fit]) -> None:
        """Keeps finished trainings."""
        tensors = {f"{one.seed}/{name}": value for one in fits for name, value in one.state.items()}
        course = [[one.train_loss, one.validation_loss, one.best_epoch, one.seconds] for one in fits]
        files.save(self.finished, tensors, {"key": self.key, "course": course})


def _validation(one: Fit) -> float:
    loss = one.validation_loss[one.best_epoch - 1]
    return loss if loss == loss else float("inf")


def _notes(best: Fit, refused: Sequence[float], asked: Sequence[float], count: int) -> list[str]:
    notes = []
    if best.diverged:
        notes.append("It did not train: its validation loss was never a number.")
    missed = [f"{level:g}" for level in refused if level in asked]
    if missed:
        notes.append(
            f"No interval at {', '.join(missed)}: {count:,} validation windows cannot carry it. "
            "Give validation more rows."
        )
    return notes


def _facts(series: Series, parts: Split, fits: Sequence[Fit], best: int, recipe: Recipe) -> dict[str, Any]:
    kept = fits[best]
    return {
        "data": {
            "name": series.name,
            "fingerprint": series.fingerprint,
            "rows": len(series),
            "from": str(min(series.times[member.start] for member in series.members)),
            "to": str(max(series.times[member.stop - 1] for member in series.members)),
        },
        "split": describe_split(parts),
        "gap": parts.gap,
        "recipe": asdict(recipe),
        "seed": kept.seed,
        "seeds": [one.seed for one in fits],
        "validation_loss": _validation(kept),
        "epochs": len(kept.validation_loss),
        "best_epoch": kept.best_epoch,
        "seconds": sum(one.seconds for one in fits),
        "parameters": sum(value.numel() for value in kept.state.values()),
        "versions": versions(),
    }
