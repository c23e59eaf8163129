"""Size of the contrast over groups of recordings: how often equal models are told apart, by how groups are sized.

    python -m benchmarks.statistics_groups [RUNS]

Errors are 0 or 1; each arm has a chance of its own in every group (deviation 0.7 of the log odds), for every seed (0.4,
or none) and for both together (0.5), so that no arm is better on groups that are still to come. Five seeds.
"""

from __future__ import annotations

import sys

import numpy as np

from heedful.trial.statistics.groups import contrast_groups

SEEDS, RUNS = 5, 2000
_DRAWN = np.random.default_rng(0)
CELLS: dict[str, list[int]] = {
    "6 of 20 windows": [20] * 6,
    "10 of 3 to 39": _DRAWN.integers(3, 40, 10).tolist(),
    "24 of 20": [20] * 24,
    "60 of 10": [10] * 60,
    "30 lognormal (1.2)": np.maximum(2, 20 * _DRAWN.lognormal(0, 1.2, 30)).astype(int).tolist(),
    "500 and 5 of 20": [500] + [20] * 5,
    "1000 and 9 of 20": [1000] + [20] * 9,
    "2 of 500 and 10 of 10": [500] * 2 + [10] * 10,
    "600 and 30 of 20": [600] + [20] * 30,
}


def arm(rng: np.random.Generator, sizes: list[int], spread: float) -> np.ndarray:
    """Errors (S, n) of one arm."""
    groups = len(sizes)
    odds = -1 + rng.normal(0, 0.7, groups) + rng.normal(0, spread, (SEEDS, 1)) + rng.normal(0, 0.5, (SEEDS, groups))
    chance = np.repeat(1 / (1 + np.exp(-odds)), sizes, axis=1)
    return (rng.random(chance.shape) < chance).astype(float)


def main(runs: int = RUNS) -> None:
    """Prints one row a cell."""
    print("| groups | count as | seeds differ | told apart, nominal 5 % |\n| --- | --- | --- | --- |")
    for name, sizes in CELLS.items():
        groups = np.repeat(np.arange(len(sizes)), sizes)
        for spread in (0.4, 0.0):
            rng = np.random.default_rng(1)
            found = [contrast_groups(arm(rng, sizes, spread), arm(rng, sizes, spread), groups) for _ in range(runs)]
            share = np.mean([one.p < 0.05 for one in found])
            seeds = "yes" if spread else "no"
            print(f"| {name} | {found[0].effective:.1f} | {seeds} | {100 * share:.1f} % |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
