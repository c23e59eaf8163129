"""Size and power of the trial's statistics: how often it finds what is not there, and what is.

    python -m benchmarks.statistics                simulates every cell and writes the tables of docs/statistics.md
    python -m benchmarks.statistics --runs 500     the same, quicker
    python -m benchmarks.statistics table          writes the tables from what was simulated

A cell is one law of the errors. It leaves one file, and is repeated only if the statistics changed or more runs are
asked for.
"""

# ruff: noqa: A005 - run as `python -m benchmarks.statistics`, where it shadows nothing

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy import signal, stats

from heedful.files import write_whole
from heedful.trial import statistics
from heedful.trial.statistics import Contrast, contrast, correlation_time, verdicts

HOME = Path(__file__).resolve().parents[1]
OUT = HOME / "benchmarks" / "results" / "statistics"
PAGE = HOME / "docs" / "statistics.md"
MARKS = ("<!-- made by python -m benchmarks.statistics -->", "<!-- end -->")
SEEDS, ATTENTIONS, DAY, BATCH, BURN = 5, 8, 24, 50, 200
SPANS = {1: (2785,), 24: (2785,), 96: (2785,), 336: (2545, 11185)}  # origins in the tests of ETTh1 and ETTm1
LAWS = ("arms", "mixed", "interaction", "seeds 5 %", "seeds 20 %", "asymmetric", "heavy tails", "daily phase")
SEED_COUNTS = (2, 3, 10)
DRIFTS = (100, 300, 1000, 3000)
REFITS = (2, 4, 8, 12, 48)
POWER_NOISE = (0.02, 0.10, 0.05)  # seed, time and interaction, in units of the loss, per arm

# --- laws of the errors ------------------------------------------------------------------------------------------


def autoregressive(
    rng: np.random.Generator, shape: tuple[int, ...], rho: float, *, tails: float = np.inf
) -> np.ndarray:
    """Errors of variance 1 whose neighbours are correlated by rho."""
    shape = (*shape[:-1], shape[-1] + BURN)
    if np.isfinite(tails):
        shocks = rng.standard_t(tails, shape) * np.sqrt((tails - 2) / tails)
    else:
        shocks = rng.standard_normal(shape)
    return signal.lfilter([np.sqrt(1 - rho**2)], [1, -rho], shocks, axis=-1)[..., BURN:]


def over_horizon(losses: np.ndarray, horizon: int) -> np.ndarray:
    """Mean loss of every stride-1 window of `horizon` steps."""
    sums = np.cumsum(losses, -1)
    sums = np.concatenate([np.zeros_like(sums[..., :1]), sums], -1)
    return (sums[..., horizon:] - sums[..., :-horizon]) / horizon


def losses(
    rng: np.random.Generator, law: str, runs: int, origins: int, horizon: int, *, arms: int = 2, seeds: int = SEEDS
) -> np.ndarray:
    """Squared errors (runs, arms, seeds, origins) of equal expectation.

    An error is what all arms share (the target's own surprise), what the nets of one arm share, and what is one net's.
    """
    steps = origins + horizon - 1
    shares = {"arms": (0.5, 0.5, 0.0), "interaction": (0.5, 0.0, 0.5)}.get(law, (0.5, 0.3, 0.2))
    tails = 5.0 if law == "heavy tails" else np.inf
    errors = np.zeros((runs, arms, seeds, steps))
    for share, shape in zip(shares, ((runs, 1, 1), (runs, arms, 1), (runs, arms, seeds)), strict=True):
        if share:
            errors += np.sqrt(share) * autoregressive(rng, (*shape, steps), 0.9, tails=tails)
    if law.startswith("seeds"):
        spread = float(law.split()[1]) / 100
        errors *= np.exp(spread * rng.standard_normal((runs, arms, seeds, 1)))
    if law == "asymmetric":
        errors[:, 0] = _rarely_large(errors[:, 0])
    squared = errors**2
    if law == "daily phase":
        squared[:, 0] *= 1 + 0.5 * np.sin(2 * np.pi * np.arange(steps) / DAY)
    return over_horizon(squared, horizon)


def _rarely_large(errors: np.ndarray) -> np.ndarray:
    """Doubles the largest tenth of the errors, variance kept: the loss is small most of the time, large rarely."""
    edge = stats.norm.isf(0.1)
    above = 0.1 + edge * stats.norm.pdf(edge)  # E[x^2; x > edge]
    return np.where(errors > edge, 2 * errors, errors) / np.sqrt(1 + 3 * above)


def trained(rng: np.random.Generator, runs: int, arms: int, origins: int = 60) -> np.ndarray:
    """Losses around 1 with independent origins: seed, time and interaction noise in every arm."""
    seed, time, both = POWER_NOISE
    return (
        1
        + seed * rng.standard_normal((runs, arms, SEEDS, 1))
        + time * rng.standard_normal((runs, arms, 1, origins))
        + both * rng.standard_normal((runs, arms, SEEDS, origins))
    )


# --- cells -------------------------------------------------------------------------------------------------------

Counts = dict[str, float]


def size(
    rng: np.random.Generator, runs: int, *, law: str, horizon: int, origins: int, seeds: int = SEEDS
) -> list[Counts]:
    """Two equal models: how often they are told apart."""
    season = DAY if law == "daily phase" else None
    made = losses(rng, law, runs, origins, horizon, seeds=seeds)
    return [_of_contrast(a, b, horizon, season) for a, b in made]


def drift(rng: np.random.Generator, runs: int, *, memory: int) -> list[Counts]:
    """Two models of equal expectation whose difference wanders by 15 % with a long memory."""
    made = losses(rng, "mixed", runs, 2785, 24)
    made[:, 0] += 0.15 * autoregressive(rng, (runs, 1, 2785), float(np.exp(-1 / memory)))
    return [_of_contrast(a, b, 24, None) for a, b in made]


def refits(rng: np.random.Generator, runs: int, *, count: int) -> list[Counts]:
    """Two equal models trained anew before each of so many parts of the test span.

    All seeds of one training share an effect of 10 % of the loss, drawn anew for every arm and training.
    """
    made = losses(rng, "mixed", runs, 2785, 24)
    shared = 0.1 * rng.standard_normal((runs, 2, 1, count))
    made *= 1 + shared[..., np.arange(2785) * count // 2785]
    return [_of_contrast(a, b, 24, None) for a, b in made]


def _of_contrast(a: np.ndarray, b: np.ndarray, horizon: int, season: int | None) -> Counts:
    found = contrast(a, b, horizon=horizon, season=season)
    judged = verdicts({"a": (found, found)})["a"]
    return {
        "p05": found.p <= 0.05,
        "p0125": found.p <= 0.0125,
        "blocks": found.blocks,
        "drift": found.drift > 0.3,
        "found": judged.outcome in ("helps", "hurts"),
        "undecided": judged.outcome.startswith("not"),
        "sketch": _sketch(a, b, horizon, season) <= 0.05,
        "paired": stats.ttest_rel(a.mean(0), b.mean(0)).pvalue <= 0.05,
    }


def _sketch(a: np.ndarray, b: np.ndarray, horizon: int, season: int | None) -> float:
    """The p value of the formula that was started from: V = Vs + Vb, no correction, never fewer than two blocks."""
    d, season = a - b, season or 1
    n = d.shape[1]
    wanted = n / max(3 * horizon, 5 * correlation_time(d.mean(0), season), season)
    count = max(2, int(min(12, wanted)))
    starts = np.round(np.arange(count) * n / count / season).astype(int) * season
    blocks = np.array([block.mean() for block in np.split(d.mean(0), starts[1:])])
    by_seed, by_block = d.mean(1).var(ddof=1) / len(d), blocks.var(ddof=1) / count
    degrees = (by_seed + by_block) ** 2 / (by_seed**2 / (len(d) - 1) + by_block**2 / (count - 1))
    return float(2 * stats.t.sf(abs(d.mean()) / np.sqrt(by_seed + by_block), degrees))


def family(
    rng: np.random.Generator,
    runs: int,
    *,
    gains: tuple[float, ...],
    placebo: float,
    law: str | None = None,
    nones: tuple[float, ...] = (0.0,),
) -> list[Counts]:
    """A trial of eight attentions: gains per attention, and those of all placebos and of the controls without any."""
    gain = np.array([*nones, *gains, *[placebo] * ATTENTIONS])
    made = trained(rng, runs, len(gain)) if law is None else losses(rng, law, runs, 2785, 24, arms=len(gain))
    made = made - gain[:, None, None]
    return [_of_family(one, gains, placebo, nones, 1 if law is None else 24) for one in made]


def _of_family(
    made: np.ndarray, gains: tuple[float, ...], placebo: float, nones: tuple[float, ...], horizon: int
) -> Counts:
    def against(i: int, j: int) -> Contrast:
        return contrast(made[i], made[j], horizon=horizon)

    first = len(nones)
    pairs = {
        str(k): (
            {str(j): against(first + k, j) for j in range(first)},
            against(first + k, first + ATTENTIONS + k),
        )
        for k in range(ATTENTIONS)
    }
    judged = [one.outcome for one in verdicts(pairs).values()]
    truly = [gain > max(*nones, placebo) for gain in gains]
    right = [outcome == "helps" for outcome, real in zip(judged, truly, strict=True) if real]
    wrong = [outcome == "helps" for outcome, real in zip(judged, truly, strict=True) if not real]
    return {
        "helps": float(np.mean(right)) if right else 0.0,
        "false helps": any(wrong),
        "hurts": float(np.mean([outcome == "hurts" for outcome in judged])),
        "same": float(np.mean([outcome == "no difference found" for outcome in judged])),
        "undecided": float(np.mean([outcome.startswith("not") for outcome in judged])),
        "blocks": float(np.mean([one.blocks for controls, one in pairs.values() for one in (*controls.values(), one)])),
    }


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One law of the errors and what is counted under it."""

    group: str
    name: str
    simulate: Callable[[np.random.Generator, int], list[Counts]]

    @property
    def file(self) -> str:
        return f"{self.group}-{self.name}".replace(" ", "_").replace("%", "pct").replace(",", "") + ".json"


def cells() -> list[Cell]:
    found = [
        Cell(
            group="size",
            name=f"{law}, H = {horizon}, n = {origins}",
            simulate=partial(size, law=law, horizon=horizon, origins=origins),
        )
        for horizon, spans in SPANS.items()
        for origins in spans
        for law in LAWS
    ]
    found += [
        Cell(
            group="size",
            name=f"{law}, {seeds} seeds, H = 24, n = 2785",
            simulate=partial(size, law=law, horizon=24, origins=2785, seeds=seeds),
        )
        for seeds in SEED_COUNTS
        for law in ("mixed", "seeds 20 %")
    ]
    found += [Cell(group="drift", name=f"memory {m}", simulate=partial(drift, memory=m)) for m in DRIFTS]
    found += [
        Cell(group="refits", name=f"{count} trainings", simulate=partial(refits, count=count)) for count in REFITS
    ]
    one, nothing, every = (0.1, *[0.0] * (ATTENTIONS - 1)), (0.0,) * ATTENTIONS, (0.1,) * ATTENTIONS
    beaten, edge = (0.3,) * ATTENTIONS, (0.05,) * ATTENTIONS
    two, unlike = (0.0, 0.0), (0.0, 0.3)
    named = {
        "no effect": partial(family, gains=nothing, placebo=0.0),
        "all beat none, none beats its placebo": partial(family, gains=beaten, placebo=0.3),
        "the same, AR(0.9), H = 24": partial(family, gains=beaten, placebo=0.3, law="mixed"),
        "10 % planted in 1 of 8": partial(family, gains=one, placebo=0.0),
        "10 % planted in 8 of 8": partial(family, gains=every, placebo=0.0),
        "5 % (the margin) planted in 8 of 8": partial(family, gains=edge, placebo=0.0),
        "two controls, no effect": partial(family, gains=nothing, placebo=0.0, nones=two),
        "two controls, all beat one, none the other": partial(family, gains=beaten, placebo=0.0, nones=unlike),
        "two controls, 10 % planted in 1 of 8": partial(family, gains=one, placebo=0.0, nones=two),
        "two controls, 5 % planted in 8 of 8": partial(family, gains=edge, placebo=0.0, nones=two),
    }
    return found + [Cell(group="family", name=name, simulate=simulate) for name, simulate in named.items()]


# --- running -----------------------------------------------------------------------------------------------------


def code() -> str:
    """A fingerprint of what is simulated."""
    rules = (Path(statistics.__file__).with_name(f"{name}.py") for name in ("contrast", "grounds", "verdict"))
    sources = [Path(__file__), *rules]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def simulate(name: str, runs: int, out: Path) -> str:
    """Simulates one cell in batches and leaves its record; what is finished is not repeated."""
    cell = next(one for one in cells() if one.file == name)
    path = out / name
    if path.exists():
        record = json.loads(path.read_text())
        if record["code"] == code() and record["runs"] >= runs:
            return f"{cell.group}: {cell.name} was there"
    rng, began = np.random.default_rng([7, *name.encode()]), perf_counter()
    counts = [one for size in _batches(runs) for one in cell.simulate(rng, size)]
    rates = {key: float(np.mean([one[key] for one in counts])) for key in counts[0]}
    record = {"group": cell.group, "cell": cell.name, "runs": runs, "code": code(), "rates": rates}
    write_whole(path, json.dumps(record | {"seconds": round(perf_counter() - began, 1)}, indent=1) + "\n")
    return f"{cell.group}: {cell.name} {rates}"


def _batches(runs: int) -> Iterator[int]:
    for first in range(0, runs, BATCH):
        yield min(BATCH, runs - first)


def run(runs: int, jobs: int, out: Path) -> None:
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(simulate, cell.file, runs, out) for cell in reversed(cells())]):
            print(done.result(), flush=True)


# --- the page ----------------------------------------------------------------------------------------------------

COLUMNS: dict[str, dict[str, str]] = {
    "size": {
        "p05": "size at 5 %",
        "p0125": "size at 1.25 %",
        "blocks": "blocks",
        "undecided": "not decidable",
        "sketch": "V = Vs + Vb",
        "paired": "paired t over windows",
    },
    "drift": {
        "p05": "size at 5 %",
        "found": "false helps or hurts",
        "drift": "drift seen",
        "undecided": "not decidable",
        "sketch": "V = Vs + Vb",
        "paired": "paired t over windows",
    },
    "refits": {
        "p05": "size at 5 %",
        "found": "false helps or hurts",
        "drift": "drift seen",
        "undecided": "not decidable",
        "sketch": "V = Vs + Vb",
        "paired": "paired t over windows",
    },
    "family": {
        "false helps": "any false helps",
        "helps": "planted called helps",
        "hurts": "called hurts",
        "same": "called no difference",
        "undecided": "not decidable",
        "blocks": "blocks",
    },
}


def table(out: Path) -> None:
    """Writes the tables between the two marks of the page; cells of older code are left out."""
    found = [json.loads((out / cell.file).read_text()) for cell in cells() if (out / cell.file).exists()]
    found = [record for record in found if record["code"] == code()]
    lines: list[str] = []
    for group, columns in COLUMNS.items():
        heads = ["cell", *columns.values(), "runs"]
        lines += ["", f"| {' | '.join(heads)} |", f"| {' | '.join(['---'] * len(heads))} |"]
        lines += [_row(record, columns) for record in found if record["group"] == group]
    before, rest = PAGE.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    write_whole(PAGE, before + "\n".join([MARKS[0], *lines, "", MARKS[1]]) + after)


def _row(record: dict[str, Any], columns: dict[str, str]) -> str:
    rates = record["rates"]
    values = [f"{rates[key]:.1f}" if key == "blocks" else f"{100 * rates[key]:.1f} %" for key in columns]
    return f"| {record['cell']} | {' | '.join(values)} | {record['runs']:,} |"


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("step", nargs="?", choices=("run", "table", "all"), default="all")
    words.add_argument("--runs", type=int, default=2000)
    words.add_argument("--jobs", type=int, default=2)
    words.add_argument("--out", type=Path, default=OUT)
    asked = words.parse_args()
    if asked.step in ("run", "all"):
        run(asked.runs, asked.jobs, asked.out)
    if asked.step in ("table", "all"):
        table(asked.out)


if __name__ == "__main__":
    sys.exit(main())
