"""How often maps that know nothing are called true, and how often maps that know the place are.

    python -m benchmarks.explanation_truth               measures every cell that is missing and prints the table
    python -m benchmarks.explanation_truth --runs 50     the same, quicker
    python -m benchmarks.explanation_truth --table       prints the table of what was measured

Networks are trained on bursts planted in noise, and one to forecast a series. A run draws windows in groups that have
a loudness and a preferred place of their own, or blocks of time, makes one map for each, and judges the maps: of
samples, of eight columns of which one holds the burst, or of the channels that an SE block reads. The level of the
intervals was picked on the networks of seed 0, and how maps are ranked that are alike in all windows on some of seed 1;
the others are what is reported. A cell leaves one file and is not repeated.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter
from torch import nn

from heedful.attention import SE
from heedful.explanation.attribution import occlusion
from heedful.explanation.controls import OTHER, PERMUTED, SMOOTH, controls
from heedful.explanation.faithfulness import LEVEL, gains, measured
from heedful.explanation.planted import localisation, planted
from heedful.explanation.subject import Subject
from heedful.explanation.truth import judge, tried
from heedful.explanation.units import ChannelUnits, ColumnUnits, SampleUnits, Units
from heedful.files import write_whole
from heedful.models.signals import SignalShape, get
from heedful.models.signals.arms import SignalArm

OUT = Path(__file__).resolve().parent / "results" / "explanation_truth"
WINDOW, RATIO, RUNS = 96, 6.0, 200
LEVELS = (0.8, 0.9, 0.95, 0.99)
COLUMNS = 8
LAYOUTS = {
    "40 in 10": [4] * 10,
    "100 in 10, anywhere": [10] * 10,
    "100 in 10, one of 55": [55] + [5] * 9,
    "40 in 5": [8] * 5,
    "40 in 10, one place": [4] * 10,
    "40 in 20 blocks": [2] * 20,
    "40 in 10, a column each": [4] * 10,
    "40 in 10, one column": [4] * 10,
    "40 in 10, channels": [4] * 10,
}


# --- networks and windows ----------------------------------------------------------------------------------------


class CNN(nn.Module):
    """Two convolutions and the mean power of what they give."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.convs = nn.Sequential(
                nn.Conv1d(1, 8, 9, padding=4), nn.ReLU(), nn.Conv1d(8, 8, 5, stride=2, padding=2), nn.ReLU()
            )
            self.output = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.convs(x.transpose(1, 2)).square().mean(2))


WIDE, GATED = "cnn-lstm of 8 columns", "cnn-lstm+se"


def built(name: str, seed: int) -> nn.Module:
    if name == "cnn":
        return CNN(seed)
    if name == WIDE:
        return get("cnn-lstm").build(SignalShape(COLUMNS, 2, WINDOW), seed)
    return SignalArm.read(name).build(SignalShape(1, 2, WINDOW), seed)


def spread(x: np.ndarray, columns: np.ndarray, seed: int) -> np.ndarray:
    """Puts each window into one of eight columns; the others are noise."""
    found = np.random.default_rng((seed, 2)).normal(size=(len(x), WINDOW, COLUMNS)).astype(np.float32)
    found[np.arange(len(x)), :, columns] = x[..., 0]
    return found


def shown(name: str, windows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows as a network of that name reads them, and their classes."""
    x, y, _ = planted("classes", windows=windows, window=WINDOW, ratio=RATIO, seed=seed)
    if name == WIDE:
        x = spread(x, np.random.default_rng((seed, 3)).integers(COLUMNS, size=windows), seed)
    return torch.from_numpy(x), torch.from_numpy(y)


Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def taught(net: nn.Module, x: torch.Tensor, y: torch.Tensor, loss: Loss, seed: int) -> nn.Module:
    """Trains a network for eight epochs."""
    net.train()
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    order = torch.Generator().manual_seed(seed)
    for _ in range(8):
        for batch in torch.randperm(len(x), generator=order).split(64):
            optimiser.zero_grad()
            loss(net(x[batch]), y[batch]).backward()
            optimiser.step()
    return net.eval()


def trained(name: str, seed: int) -> tuple[nn.Module, float]:
    """A network in eval mode, and its share of right answers on windows of its own."""
    x, y = shown(name, 12_000 if name == WIDE else 3000, 1000 + seed)
    net = taught(built(name, seed), x, y, nn.functional.cross_entropy, seed)
    x, y = shown(name, 1000, 2000 + seed)
    with torch.no_grad():
        return net, float((net(x).argmax(1) == y).float().mean())


HORIZON, FORECAST = 3, "forecasting cnn-lstm"


def series(rows: int, seed: int) -> np.ndarray:
    """A period of 24 rows, whose size wanders, and noise that depends on the row before."""
    rng = np.random.default_rng(seed)
    size = 1 + 0.3 * gaussian_filter1d(rng.normal(size=rows), 100) * np.sqrt(2 * np.sqrt(np.pi) * 100)
    noise = lfilter([0.6], [1.0, -0.8], rng.normal(size=rows))
    return (size * np.sin(2 * np.pi * np.arange(rows) / 24) + noise).astype(np.float32)


def windows(values: np.ndarray, origins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Windows that end before each origin, and the values from there on."""
    x = values[origins[:, None] + np.arange(-WINDOW, 0)][..., None]
    return x, values[origins[:, None] + np.arange(HORIZON)]


def forecasting(seed: int) -> tuple[nn.Module, float]:
    """A network that forecasts, in eval mode, and its R2 on a series of its own."""
    x, y = map(torch.from_numpy, windows(series(6000, 1000 + seed), np.arange(WINDOW, 5990, 2)))
    net = taught(get("cnn-lstm").build(SignalShape(1, HORIZON, WINDOW), seed), x, y, nn.functional.mse_loss, seed)
    x, y = map(torch.from_numpy, windows(series(3000, 2000 + seed), np.arange(WINDOW, 2990)))
    with torch.no_grad():
        return net, 1 - float((net(x) - y).square().mean() / y.var())


def blocks(net: nn.Module, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Windows, values and blocks of time, and for places what occlusion says of windows of another series."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(20), 2)
    origins = WINDOW + 200 * groups + rng.integers(0, 100, size=len(groups))
    x, y = windows(series(5000, seed), origins)
    other, truth = windows(series(5000, seed + 1_000_000), origins)
    said = occlusion(forecast(net, other, truth, groups)).over_time().numpy().mean(0)
    return x, y, np.tile(said / said.max(), (len(x), 1)), groups


def forecast(net: nn.Module, x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> Subject:
    names = tuple(f"value +{step + 1}" for step in range(HORIZON))
    return Subject(
        net=net,
        x=torch.from_numpy(x),
        beside=(),
        truth=torch.from_numpy(y),
        classes=(),
        outputs=names,
        columns=("value",),
        groups=groups,
    )


def drawn(layout: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Windows, classes, places and groups: each group has a loudness and, but anywhere, a third of the window."""
    sizes = LAYOUTS[layout]
    reach = {"anywhere": WINDOW, "one place": WINDOW / 16}.get(layout.split(", ")[-1], WINDOW / 6)
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    x, y, places = planted("classes", windows=30 * len(groups), window=WINDOW, ratio=RATIO, seed=seed)
    middle = (places * np.arange(WINDOW)).sum(1) / places.sum(1)
    chosen, free = [], np.ones(len(x), bool)
    for size in sizes:
        place = 0.3 * WINDOW if layout.endswith("one place") else rng.uniform(16, WINDOW - 16)
        near = np.flatnonzero(free & (np.abs(middle - place) < reach))[:size]
        free[near] = False
        chosen.append(near)
    rows = np.concatenate(chosen)
    loud = np.exp(rng.normal(0, 0.2, len(sizes)))[groups]
    x = (x[rows] * loud[:, None, None]).astype(np.float32)
    if layout.endswith(("column", "each")):
        columns = np.full(len(rows), 2) if layout.endswith("column") else rng.integers(COLUMNS, size=len(rows))
        return spread(x, columns, seed), y[rows], np.eye(COLUMNS)[columns], groups
    return x, y[rows], places[rows], groups


# --- maps --------------------------------------------------------------------------------------------------------


def smooth(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Random maps of a smoothness that is drawn, deviation 1."""
    width = np.exp(rng.uniform(np.log(1.0), np.log(12.0)))
    maps = gaussian_filter1d(rng.normal(size=(rows, WINDOW)), width, axis=1, mode="reflect")
    return maps / maps.std()


def evidence(places: np.ndarray) -> np.ndarray:
    return gaussian_filter1d(places.astype(float), 2.0, axis=1)


def knowing(noise: float) -> Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]:
    def maps(rng: np.random.Generator, places: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return evidence(places) + noise * smooth(rng, len(places))

    return maps


def shuffled(rng: np.random.Generator, places: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return rng.permuted(evidence(places), axis=1)


def bump(rng: np.random.Generator, places: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * ((np.arange(WINDOW) - rng.integers(WINDOW, size=(len(places), 1))) / 4) ** 2)


def mean(rng: np.random.Generator, places: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return np.tile(evidence(places).mean(0), (len(places), 1))


def one_for_all(noise: float, known: float) -> Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]:
    """One map for all windows: what is known of the places in the mean, of deviation 1, and a random smooth map."""

    def maps(rng: np.random.Generator, places: np.ndarray, groups: np.ndarray) -> np.ndarray:
        mean = evidence(places).mean(0)
        return np.tile(known * (mean - mean.mean()) / mean.std() + noise * smooth(rng, 1)[0], (len(places), 1))

    return maps


def shared_in_part(part: float) -> Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]:
    """Random maps of which windows share a part of the variance."""

    def maps(rng: np.random.Generator, places: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return np.sqrt(part) * smooth(rng, 1) + np.sqrt(1 - part) * smooth(rng, len(places))

    return maps


ONE = "one smooth random map for all windows"


def unordered(noise: float, known: float, shared: bool) -> Callable[..., np.ndarray]:
    """Maps of units without an order: what is known of them, and noise that all windows share, or not."""

    def maps(rng: np.random.Generator, places: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return known * places + noise * rng.normal(size=(1 if shared else len(places), places.shape[1]))

    return maps


UNORDERED = {
    "random by unit": unordered(1.0, 0.0, shared=False),
    "one random map of units for all windows": unordered(1.0, 0.0, shared=True),
    "planted unit, noise 0.2": unordered(0.2, 1.0, shared=False),
    "planted unit, noise 0.5": unordered(0.5, 1.0, shared=False),
    "planted unit, one noise 0.5 for all windows": unordered(0.5, 1.0, shared=True),
}
FAMILIES: dict[str, Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]] = {
    "smooth random": lambda rng, places, groups: smooth(rng, len(places)),
    "random by sample": lambda rng, places, groups: rng.normal(size=places.shape),
    "one smooth random map a group": lambda rng, places, groups: smooth(rng, groups.max() + 1)[groups],
    ONE: one_for_all(1.0, 0.0),
    "random, a fifth of it shared": shared_in_part(0.2),
    "a bump anywhere": bump,
    "recency": lambda rng, places, groups: np.tile(np.arange(WINDOW) / WINDOW, (len(places), 1)),
    "shuffled in time": shuffled,
    "mean map": mean,
    "planted, noise 0.2": knowing(0.2),
    "planted, noise 0.4": knowing(0.4),
    "planted, noise 0.8": knowing(0.8),
    "one right map for all windows": one_for_all(0.0, 1.0),
    "one right map for all windows, noise 0.5": one_for_all(0.5, 1.0),
    "one right map for all windows, noise 1": one_for_all(1.0, 1.0),
    **UNORDERED,
}


# --- cells -------------------------------------------------------------------------------------------------------


def units_of(subject: Subject, layout: str) -> Units:
    if layout.endswith("channels"):
        return ChannelUnits(subject, next(one for one in subject.net.modules() if isinstance(one, SE)))
    return ColumnUnits(subject) if subject.x.shape[2] > 1 else SampleUnits(subject)


def run(net: nn.Module, layout: str, family: str, seed: int) -> dict[str, Any]:
    """Judges one draw of maps at every level."""
    x, y, places, groups = blocks(net, seed) if layout.endswith("blocks") else drawn(layout, seed)
    subject = forecast(net, x, y, groups)
    if not layout.endswith("blocks"):
        names = tuple(f"signal {column + 1}" for column in range(x.shape[2]))
        subject = replace(subject, classes=("low", "high"), outputs=("low", "high"), columns=names)
    units = units_of(subject, layout)
    real = units.real.numpy()
    # Which channels matter nobody planted.
    places = np.zeros(real.shape) if layout.endswith("channels") else places
    maps = FAMILIES[family](np.random.default_rng((seed, 1)), places, groups)
    beside = controls(maps, real, groups, axis=units.axis, seed=seed)
    rivals = (SMOOTH if units.axis == "time" else PERMUTED, OTHER)
    found = measured(units, maps, {name: beside[name] for name in rivals}, seed=seed)
    rows = {level: gains(found, groups, level=level) for level in LEVELS}
    # Whatever is true at a higher level is so at the lowest, which says whether a rank is asked.
    rank = tried(units, maps, rows[min(LEVELS)], groups, seed=seed).rank
    judged = {level: judge(rows[level], rank=rank) for level in LEVELS}
    return {
        "true": {str(level): one.true for level, one in judged.items()},
        "true, not ranked": {str(level): judge(rows[level]).true for level in LEVELS},
        "here": {str(level): one.beats[OTHER] for level, one in judged.items()},
        "gains": [one.mean for one in judged[LEVELS[0]].decisive],
        "auroc": float(localisation(maps, places > 0.5, real).mean()) if places.any() else None,
    }


def cells() -> list[tuple[str, int, str, str]]:
    """Network, seed, layout, family; every family where it costs least, some of them elsewhere."""
    main, group, known = "40 in 10", "one smooth random map a group", "planted, noise 0.4"
    picked = ("smooth random", group, "a bump anywhere", known, "planted, noise 0.8")
    found = [("cnn", 0, main, family) for family in picked]
    found += [("cnn", 1, main, family) for family in FAMILIES if family not in UNORDERED]
    found += [("cnn", 1, "40 in 5", family) for family in ("smooth random", group, known)]
    found += [("cnn-lstm", 1, main, family) for family in ("smooth random", known)]
    found += [("cnn", 1, "100 in 10, anywhere", family) for family in ("mean map", "a bump anywhere", known)]
    found += [("cnn", 1, "100 in 10, one of 55", family) for family in (group, known)]
    alike = (ONE, "random, a fifth of it shared", *(name for name in FAMILIES if name.startswith("one right map")))
    found += [(FORECAST, 2, "40 in 20 blocks", family) for family in ("smooth random", "recency", *alike)]
    found += [("cnn", 2, "40 in 10, one place", family) for family in alike]
    found += [(WIDE, 2, f"{main}, a column each", family) for family in UNORDERED]
    found += [(WIDE, 2, f"{main}, one column", family) for family in UNORDERED]
    return found + [(GATED, 2, f"{main}, channels", family) for family in tuple(UNORDERED)[:2]]


def path(cell: tuple[str, int, str, str]) -> Path:
    name, seed, layout, family = cell
    return OUT / f"{name}-seed{seed}-{layout}-{family}.json".replace(" ", "_").replace(",", "")


def measure(runs: int) -> None:
    nets: dict[tuple[str, int], tuple[nn.Module, float]] = {}
    for cell in cells():
        name, seed, layout, family = cell
        target = path(cell)
        if target.exists() and len(json.loads(target.read_text())["runs"]) >= runs:
            continue
        if (name, seed) not in nets:
            nets[name, seed] = forecasting(seed) if name == FORECAST else trained(name, seed)
        net, right = nets[name, seed]
        start = perf_counter()
        done = [run(net, layout, family, 10_000 * (seed + 1) + i) for i in range(runs)]
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, json.dumps({"cell": cell, "right": right, "runs": done}) + "\n")
        print(*cell, f"{perf_counter() - start:.0f} s", file=sys.stderr, flush=True)


def wilson(hits: int, runs: int) -> tuple[float, float]:
    """The interval of Wilson (1927) of a share, 95 %."""
    z, share = 1.96, hits / runs
    middle, half = share + z**2 / (2 * runs), z * np.sqrt(share * (1 - share) / runs + z**2 / (4 * runs**2))
    return (middle - half) / (1 + z**2 / runs), (middle + half) / (1 + z**2 / runs)


def table() -> str:
    """Shares that are called true at each level, with their 95 % interval at the one in use."""
    heads = " | ".join(f"true, {level:.0%}" for level in LEVELS)
    lines = [
        f"| network | seed | windows | maps | AUROC | {heads} | beats another window |",
        "| --- " * (6 + len(LEVELS)) + "|",
    ]
    for cell in cells():
        if not path(cell).exists():
            continue
        said = json.loads(path(cell).read_text())
        runs = said["runs"]
        shares = []
        for level in LEVELS:
            hits = sum(bool(one["true"][str(level)]) for one in runs)
            low, high = wilson(hits, len(runs))
            told = f" ({low:.1%} to {high:.1%})" if level == LEVEL else ""
            shares.append(f"{hits / len(runs):.1%}{told}")
        shares.append(f"{np.mean([bool(one['here'][str(LEVEL)]) for one in runs]):.1%}")
        places = [one["auroc"] for one in runs if one["auroc"] is not None]
        auroc = f"{np.mean(places):.2f}" if places else ""
        name = f"{cell[0]} ({said['right']:.1%} right)"
        lines.append(f"| {name} | {cell[1]} | {cell[2]} | {cell[3]} | {auroc} | {' | '.join(shares)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if not asked.table:
        measure(asked.runs)
    print(table())


if __name__ == "__main__":
    main()
