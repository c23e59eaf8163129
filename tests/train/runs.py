"""One training that tests start in other processes too: `python runs.py FOLDER WHAT [STEP [SEED ...]]`.

"killed" stops the process dead in training step STEP. The others run under torchrun: "shared" tells whether all see
that one is late, that one alone has a file, and what they train from different start weights; "kept" trains with a
checkpoint and is stopped dead in training step STEP if one is given, and trains without one.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from heedful.errors import DataError
from heedful.train import Fit, Recipe, TimeUp, fit
from heedful.train.parallel import Share, joined

STEPS = 8  # an epoch: an odd number of windows in batches of 16
RECIPE = Recipe(epochs=6, batch=16, learning_rate=2e-2, average=0.9, windows_per_epoch=113)


class Net(nn.Module):
    """A linear map, a batch norm and dropout; counts its training steps and stops the process at one of them."""

    def __init__(self, seed: int, *, dropout: float = 0.2, norm: bool = True, stop: int | None = None) -> None:
        super().__init__()
        self.steps, self.stop = 0, stop
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first, self.last = nn.Linear(3, 5), nn.Linear(5, 8)
        self.norm = nn.LayerNorm(5) if norm else nn.Identity()
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        self.steps += self.training
        if self.steps == self.stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.last(self.drop(self.norm(self.first(x[..., -1, :])))).unflatten(-1, (4, 2))


def table(**options: bool):
    place = Path(__file__).with_name("conftest.py")
    spec = importlib.util.spec_from_file_location("tables", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lay(module.make_table(**options))


def train(
    seeds: tuple[int, ...],
    folder: Path | None,
    *,
    start: int = 0,
    missing: bool = True,
    deadline: float | None = None,
    **options,
) -> list[Fit]:
    torch.set_num_threads(1)
    (first, second, _), scaler = table(missing=missing)
    return fit(
        [Net(seed + start, **options) for seed in seeds],
        first,
        second,
        scaler=scaler,
        recipe=RECIPE,
        seeds=seeds,
        deadline=deadline,
        checkpoint=None if folder is None else folder / "kept.safetensors",
        device="cpu",
    )


def shared(share: Share) -> dict[str, object]:
    """Tells what happens where processes differ."""
    told: dict[str, object] = {}
    try:
        share.agree(share.first, "a file")
    except DataError as error:
        told["apart"] = str(error)
    try:
        train((1,), None, deadline=None if share.first else 0.0)
    except TimeUp:
        told["late"] = True
    return told | result(train((1,), None, start=share.rank, dropout=0.0))


def kept(folder: Path, stop: int | None) -> dict[str, object]:
    """Tells what is trained with a checkpoint, and what without."""
    resumed = train((1,), folder / "shared", missing=False, stop=stop)
    return result(resumed) | {"whole": result(train((1,), None, missing=False))}


def result(fits: list[Fit]) -> dict[str, object]:
    return {"state": fits[0].state, "losses": (fits[0].train_loss, fits[0].validation_loss)}


def main(folder: Path, what: str, step: int | None = None, *seeds: int) -> None:
    if what == "killed":
        train(seeds, folder, stop=step)
        return
    with joined() as share:
        told = shared(share) if what == "shared" else kept(folder, step)
        torch.save(told | {"world": share.world}, folder / f"{share.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
