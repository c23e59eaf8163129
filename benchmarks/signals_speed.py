"""An epoch of an article's 1-D CNN on windows of recordings against a bare PyTorch loop over gathered batches.

Both run on one thread and are measured in seconds of the processor, which other work on the machine changes little.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from heedful.data.recordings import Cuts, Recording, Recordings, SignalScaler, cut, split_recordings
from heedful.models.signals import SignalShape, get
from heedful.train import Recipe, fit
from heedful.train.feed import shuffled
from heedful.train.machine import settle
from heedful.train.signals import SignalFeed

WINDOW, STEP, BATCH, CLASSES, COUNT = 2048, 28, 128, 10, 7000
ROUNDS, EPOCHS = 5, 3


def windows() -> Cuts:
    """Ten recordings, one a class, and 700 overlapping windows of each."""
    rng = np.random.default_rng(0)
    samples = WINDOW + STEP * (COUNT // CLASSES - 1)
    items = tuple(
        Recording(name=f"r{i}", values=rng.normal(size=(1, samples)).astype(np.float32), label=str(i), rate=12_000)
        for i in range(CLASSES)
    )
    return cut(split_recordings(Recordings(items=items), "time", sizes=(1, 0, 0)).train, WINDOW, STEP)


def built() -> nn.Module:
    return get("published:wdcnn").build(SignalShape(1, CLASSES, WINDOW), 0)


def gathered(cuts: Cuts, scaler: SignalScaler, epoch: int) -> list[tuple[Tensor, Tensor]]:
    """The batches of one epoch, each a tensor of its own."""
    feed = SignalFeed(cuts, scaler, torch.device("cpu"), classes=True, resident=False)
    return [(x.clone(), y.clone()) for x, _, y in feed.batches(shuffled(len(cuts), 0, epoch), BATCH)]


def bare(batches: list[list[tuple[Tensor, Tensor]]]) -> list[float]:
    """Seconds of each epoch of a loop with nothing in it that training can do without."""
    model = built().train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    seconds = []
    for epoch in batches:
        start = time.process_time()
        for x, y in epoch:
            optimiser.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(model(x), y)
            if hasattr(model, "penalty"):
                loss = loss + model.penalty()
            loss.backward()
            optimiser.step()
        seconds.append(time.process_time() - start)
    return seconds


def main() -> list[tuple[str, float, str]]:
    settle()
    cuts = windows()
    scaler = SignalScaler.fit(cuts)
    recipe = replace(Recipe.article(), epochs=EPOCHS, patience=EPOCHS, batch=BATCH, watch="train")
    batches = [gathered(cuts, scaler, epoch) for epoch in range(1, EPOCHS + 1)]
    epochs, wholes = [], []
    for _ in range(ROUNDS):
        loop = bare(batches)
        marks: list[float] = []
        start = time.process_time()
        fit(
            [built()],
            cuts,
            None,
            scaler=scaler,
            recipe=recipe,
            seeds=(0,),
            tick=lambda _, marks=marks: marks.append(time.process_time()),
            device="cpu",
        )
        whole = time.process_time() - start
        ours = np.diff([start, *marks])
        # Pairs of epochs; the first warms up.
        epochs += [a / b for a, b in zip(ours[1:], loop[1:], strict=True)]
        wholes.append(whole / sum(loop))
    size = f"{COUNT} x {WINDOW}, batch {BATCH}"
    return [
        (f"epoch of the 1-D CNN / bare loop, {size}", statistics.median(epochs), "at most 1.10"),
        (f"{EPOCHS} epochs with cutting and scaling / bare loop, {size}", statistics.median(wholes), "at most 1.15"),
    ]


if __name__ == "__main__":
    for name, value, target in main():
        print(f"{name}: {value:.3f} ({target})")
