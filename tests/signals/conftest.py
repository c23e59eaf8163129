"""Small recordings whose classes differ in frequency, each group with a gain of its own."""

from __future__ import annotations

import numpy as np
import pytest

from heedful.data.recordings import Recording, Recordings

TONES = {"fast": 0.31, "mid": 0.17, "slow": 0.05}


def tones(groups: int = 4, length: int = 240, channels: int = 1, seed: int = 0) -> Recordings:
    rng = np.random.default_rng(seed)
    items = []
    for label, frequency in TONES.items():
        for group in range(groups):
            for take in range(2):
                phase, gain = rng.uniform(0, 6), rng.uniform(0.5, 2)
                wave = gain * np.sin(2 * np.pi * frequency * np.arange(length) + phase)
                items.append(
                    Recording(
                        name=f"{label}-{group}-{take}",
                        values=wave + rng.normal(0, 0.3, (channels, length)),
                        rate=100.0,
                        label=label,
                        group=f"{label}-{group}",
                        channels=tuple(f"c{c}" for c in range(channels)),
                        target=frequency,
                        facts={"take": float(take)},
                    )
                )
    return Recordings(items=tuple(sorted(items, key=lambda one: one.name)), name="tones")


@pytest.fixture(scope="session")
def few_tones() -> Recordings:
    return tones()
