from __future__ import annotations

import numpy as np
import pytest

from heedful.data.recordings import Augment
from heedful.errors import OptionError

B, T, C = 64, 30, 2
LENGTHS = np.array([30, 20, 11, 30] * 16)


def windows() -> np.ndarray:
    x = np.arange(B)[:, None, None] + np.arange(1, T + 1)[:, None] / 100 + np.arange(C) / 1000
    return (x * (np.arange(T) < LENGTHS[:, None])[:, :, None]).astype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_nothing_is_changed_by_default():
    x, y = windows(), np.arange(B) % 3
    z, same = Augment().apply(x, LENGTHS, y, rng())
    assert not Augment()
    assert np.array_equal(z, x)
    assert same.tolist() == y.tolist()


@pytest.mark.parametrize("one", [{"jitter": 0.1}, {"scaling": 0.2}, {"shift": 5}, {"cutmix": 1.0}])
def test_each_change_changes_windows_keeps_padding_and_follows_the_seed(one):
    x, y, augment = windows(), np.arange(B) % 3, Augment(**one)
    z, labels = augment.apply(x, LENGTHS, y, rng(), classes=3)
    assert np.array_equal(x, windows())
    assert z.dtype == np.float32
    assert not np.array_equal(z, x)
    assert not z[np.arange(T) >= LENGTHS[:, None]].any()
    again, same = augment.apply(x, LENGTHS, y, rng(), classes=3)
    assert np.array_equal(z, again)
    assert np.array_equal(labels, same)
    assert not np.array_equal(z, augment.apply(x, LENGTHS, y, rng(1), classes=3)[0])


def test_jitter_has_the_deviation_asked_for():
    z, _ = Augment(jitter=0.3).apply(np.zeros((200, 100, 1)), np.full(200, 100), np.zeros(200), rng())
    assert abs(z.std() - 0.3) < 0.01
    assert abs(z.mean()) < 0.01


def test_scaling_is_one_factor_for_a_window():
    z, _ = Augment(scaling=0.2).apply(np.ones((2000, 5, 2)), np.full(2000, 5), np.zeros(2000), rng())
    assert np.ptp(z, axis=(1, 2)).max() == 0
    assert abs(z[:, 0, 0].std() - 0.2) < 0.02
    assert abs(z.mean() - 1) < 0.02


def test_shift_turns_the_real_samples_round():
    x = windows()
    z, _ = Augment(shift=4).apply(x, LENGTHS, np.zeros(B), rng())
    found = set()
    for i, length in enumerate(LENGTHS):
        by = next(by for by in range(-4, 5) if np.array_equal(z[i, :length], np.roll(x[i, :length], by, axis=0)))
        found.add(by)
    assert found == set(range(-4, 5))


def test_cutmix_takes_as_much_of_the_label_as_of_the_window():
    x = np.repeat(np.arange(B, dtype=np.float32)[:, None, None], T, axis=1) + 1
    x *= (np.arange(T) < LENGTHS[:, None])[:, :, None]
    z, soft = Augment(cutmix=1.0).apply(x, LENGTHS, np.arange(B), rng(), classes=B)
    assert soft.shape == (B, B)
    assert np.allclose(soft.sum(axis=1), 1)
    shares = []
    for i, length in enumerate(LENGTHS):
        values, counts = np.unique(z[i, :length, 0], return_counts=True)
        wanted = np.zeros(B)
        wanted[values.astype(int) - 1] = counts / length
        assert np.allclose(soft[i], wanted, atol=1e-6)
        shares.append(soft[i, i])
    assert min(shares) < 0.2
    assert max(shares) > 0.8


def test_cutmix_mixes_only_the_share_of_windows_asked_for():
    x, y = windows(), np.arange(B)
    _, soft = Augment(cutmix=0.25).apply(x, LENGTHS, y, rng(), classes=B)
    assert 4 <= (soft.max(axis=1) < 1).sum() <= 24


def test_cutmix_mixes_real_numbers_and_shares_too():
    x, y = windows(), np.linspace(0, 1, B)
    _, mixed = Augment(cutmix=1.0).apply(x, LENGTHS, y, rng())
    assert mixed.shape == (B,)
    assert not np.array_equal(mixed, y)
    soft = np.eye(B)
    _, mixed = Augment(cutmix=1.0).apply(x, LENGTHS, soft, rng())
    assert np.allclose(mixed.sum(axis=1), 1)


def test_cutmix_needs_the_number_of_classes():
    with pytest.raises(OptionError, match="needs the number of classes"):
        Augment(cutmix=0.5).apply(windows(), LENGTHS, np.arange(B), rng())


def test_numbers_that_make_no_sense_are_refused():
    for wrong in ({"jitter": -0.1}, {"cutmix": 1.1}, {"shift": -1}, {"scaling": -1.0}):
        with pytest.raises(OptionError, match="at least 0, cutmix at most 1"):
            Augment(**wrong)
