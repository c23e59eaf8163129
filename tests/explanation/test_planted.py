from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from heedful.errors import DataError, OptionError, ShapeError, UnknownName
from heedful.explanation.attribution import occlusion
from heedful.explanation.planted import DECOY, FREQUENCIES, Problem, localisation, planted, width_of
from heedful.explanation.subject import Subject

SILENT = -400.0  # dB: what is planted is far below the noise's last bit


def apart(problem: Problem, ratio: float, channels: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What was added to the noise, the answers and the places."""
    asked = {"windows": 60, "window": 100, "channels": channels, "seed": 5}
    made, noise = planted(problem, ratio=ratio, **asked), planted(problem, ratio=SILENT, **asked)
    return made.x.astype(float) - noise.x, made.y, made.places


def power(x: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Mean square over a stretch, on the channel that has it (n,)."""
    return np.stack([(row[at] ** 2).mean(0).max() for row, at in zip(x, where, strict=True)])


@pytest.mark.parametrize("ratio", [-3.0, 0.0, 7.5])
def test_a_burst_has_exactly_the_power_that_the_ratio_says(ratio: float) -> None:
    added, _, places = apart("classes", ratio)
    np.testing.assert_allclose(power(added, places), 10 ** (ratio / 10), rtol=1e-4)  # x is float32


def test_the_noise_has_a_deviation_of_one() -> None:
    x = planted("classes", windows=200, window=96, channels=2, ratio=SILENT).x
    assert x.std() == pytest.approx(1, abs=0.01)
    assert x.mean() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("problem", ["classes", "values"])
def test_the_decoy_never_touches_the_evidence_and_is_as_wide(problem: Problem) -> None:
    added, _, places = apart(problem, 6.0)
    loud = np.abs(added).max(2) > 1e-3
    decoy = loud & ~places
    assert (places.sum(1) == 12).all()
    beside = places.copy()
    beside[:, 1:] |= places[:, :-1]
    beside[:, :-1] |= places[:, 1:]
    assert not (decoy & beside).any()
    assert decoy.sum(1).max() <= 12
    assert decoy.sum(1).min() >= 8  # a wave may cross zero


def test_the_decoy_is_twice_as_loud_as_the_burst() -> None:
    added, _, places = apart("classes", 6.0)
    energy = (added**2).sum((1, 2))
    burst = (added**2 * places[:, :, None]).sum((1, 2))
    np.testing.assert_allclose((energy - burst) / burst, 4, rtol=1e-3)


def test_the_frequency_of_the_burst_is_the_class_and_that_of_the_decoy_is_not() -> None:
    added, y, places = apart("classes", 6.0, channels=1)
    frequencies = np.fft.rfftfreq(256)
    for row, label, where in zip(added[..., 0], y, places, strict=True):
        own, other = (frequencies[np.abs(np.fft.rfft(np.where(at, row, 0), 256)).argmax()] for at in (where, ~where))
        # A wave of 12 samples has a lobe of 1/12 to either side, and leaks into its mirror image.
        assert own == pytest.approx(FREQUENCIES[label], abs=1 / 24)
        assert other == pytest.approx(DECOY, abs=1 / 24)


def test_places_know_nothing_of_the_class_and_reach_both_ends() -> None:
    made = planted("classes", windows=4000, window=96)
    start = made.places.argmax(1)
    assert set(start.tolist()) == set(range(96 - 12 + 1))
    middle = [start[made.y == label].mean() for label in (0, 1)]
    assert middle == pytest.approx([42, 42], abs=2)  # four deviations of 24 / sqrt(2000)
    assert made.y.sum() == 2000


def test_loudness_tells_neither_class_nor_place() -> None:
    made = planted("classes", windows=2000, window=96, ratio=6.0)
    loud = np.abs(made.x[..., 0])
    power = (loud**2).mean(1)
    assert power[made.y == 0].mean() == pytest.approx(power[made.y == 1].mean(), rel=0.03)
    assert localisation(loud, made.places, np.ones(loud.shape, dtype=bool)).mean() < 0.75
    at = loud.argmax(1)
    assert made.places[np.arange(2000), at].mean() < 0.2  # the loudest sample is the decoy's


def test_values_are_the_height_of_the_marked_bump_alone() -> None:
    added, y, places = apart("values", 6.0)
    marked = np.stack([row[at, 0] for row, at in zip(added, places, strict=True)])
    height = marked[:, 6] / marked[0, 6] * y[0, 0]
    np.testing.assert_allclose(y, height[:, None] * np.array([1.0, 0.5, -0.5]), rtol=1e-4)
    decoy = np.where(places, 0, added[..., 0])
    sign = np.take_along_axis(decoy, np.abs(decoy).argmax(1)[:, None], 1)[:, 0]
    assert abs(np.corrcoef(sign, y[:, 0])[0, 1]) < 0.4  # 3 deviations of 60 windows
    assert (np.abs(added[..., 1]) > 1e-3).tolist() == places.tolist()
    assert not added[..., 2].any()


def test_the_power_of_a_bump_is_that_of_the_ratio_in_the_mean() -> None:
    asked = {"windows": 4000, "window": 96, "channels": 2}
    made = planted("values", ratio=3.0, **asked)
    added = made.x - planted("values", ratio=SILENT, **asked).x
    at = made.places
    assert (added[..., 0][at] ** 2).mean() == pytest.approx(10**0.3, rel=0.03)
    assert (added[..., 1][at] ** 2).mean() == pytest.approx(10**0.3, rel=1e-4)


@pytest.mark.parametrize("problem", ["classes", "values"])
def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(problem: Problem) -> None:
    asked = {"windows": 10, "window": 64, "channels": 2}
    first, again, other = (planted(problem, seed=seed, **asked) for seed in (1, 1, 2))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first.x, other.x)
    assert first.x.dtype == np.float32


def test_evidence_grows_with_the_window_up_to_a_length() -> None:
    assert [width_of(window) for window in (24, 48, 96, 256, 2048)] == [6, 12, 12, 32, 64]
    assert planted("classes", windows=2, window=256).places.sum(1).tolist() == [32, 32]


def test_localisation_is_the_share_of_pairs_that_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    maps = rng.integers(0, 4, size=(6, 20)).astype(float)
    places = rng.random((6, 20)) < 0.3
    real = np.arange(20) < np.array([8, 11, 14, 16, 18, 20])[:, None]
    expected = []
    for row, where, there in zip(maps, places, real, strict=True):
        inner, outer = row[where & there], row[~where & there]
        expected.append(np.mean([(a > b) + 0.5 * (a == b) for a in inner for b in outer]))
    np.testing.assert_allclose(localisation(maps, places, real), expected, rtol=1e-12)


def test_a_map_that_says_nothing_is_worth_a_half() -> None:
    places = np.arange(16) < np.array([[3], [7]])
    real = np.ones(places.shape, dtype=bool)
    assert localisation(np.zeros(places.shape), places, real).tolist() == [0.5, 0.5]
    assert localisation(places, places, real).tolist() == [1.0, 1.0]
    assert localisation(torch.from_numpy(~places), torch.from_numpy(places), torch.from_numpy(real)).tolist() == [0, 0]


def test_a_window_without_evidence_or_of_nothing_else_has_no_localisation() -> None:
    places, real = np.array([[False] * 4, [True] * 4, [True] * 2 + [False] * 2]), np.ones((3, 4), dtype=bool)
    assert np.isnan(localisation(np.arange(12.0).reshape(3, 4), places, real)).tolist() == [True, True, False]
    real[2, 2:] = False
    assert np.isnan(localisation(np.arange(12.0).reshape(3, 4), places, real)[2])


def test_what_cannot_be_planted_is_refused() -> None:
    with pytest.raises(UnknownName, match="'classes'"):
        planted("class", windows=4, window=96)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="at least 24 samples, got 23"):
        planted("classes", windows=4, window=23)
    with pytest.raises(OptionError, match="2 or more channels"):
        planted("values", windows=4, window=96)
    with pytest.raises(OptionError, match="1 or more channels"):
        planted("classes", windows=4, window=96, channels=0)
    with pytest.raises(OptionError, match="2 windows or more"):
        planted("classes", windows=1, window=96)


def test_localisation_refuses_what_does_not_fit() -> None:
    real = np.ones((2, 5), dtype=bool)
    with pytest.raises(ShapeError, match="places of the map's shape"):
        localisation(np.zeros((2, 5)), real[:, :4], real)
    with pytest.raises(DataError, match="finite"):
        localisation(np.full((2, 5), np.nan), real, real)


# --- a network that learns it --------------------------------------------------------------------------------------


class Greatest(nn.Module):
    """Two convolutions and the greatest answer of each filter."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv1d(1, 24, 9, padding=4), nn.BatchNorm1d(24), nn.ReLU(), nn.Conv1d(24, 24, 3), nn.ReLU()
        )
        self.output = nn.Linear(24, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.convs(x.transpose(1, 2)).amax(2))


def test_occlusion_finds_the_evidence_of_a_network_that_is_right() -> None:
    learn, ask = (planted("classes", windows=count, window=96, ratio=6.0, seed=count) for count in (1024, 200))
    x, y = torch.from_numpy(learn.x), torch.from_numpy(learn.y)
    torch.manual_seed(0)
    net, order = Greatest(), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(8):
        for rows in torch.randperm(len(x), generator=order).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimiser.step()
    subject = Subject(
        net=net.eval(),
        x=torch.from_numpy(ask.x),
        beside=(),
        truth=torch.from_numpy(ask.y),
        classes=("slow", "fast"),
        outputs=("slow", "fast"),
        columns=("x",),
        groups=np.arange(200),
    ).settled()
    assert (subject.picked == subject.truth).float().mean() >= 0.98
    some = subject.only(np.arange(60))
    assert localisation(occlusion(some).over_time(), ask.places[:60], some.real).mean() >= 0.9
    assert localisation(np.abs(ask.x[..., 0]), ask.places, subject.real).mean() < 0.75
