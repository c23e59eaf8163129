from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly

from heedful.data.recordings import Recording, Recordings, detrend, resample
from heedful.errors import DataError, OptionError, UnknownName


def made(values: np.ndarray, rate: float | None = 48000.0, **known: object) -> Recordings:
    values = np.atleast_2d(values)
    channels = tuple(f"c{i}" for i in range(len(values)))
    return Recordings(items=(Recording(name="a", values=values, rate=rate, channels=channels, **known),))


def tone(frequency: float, rate: float, n: int) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(n) / rate + 0.3)


@pytest.mark.parametrize(
    ("old", "new"), [(48000, 12000), (12000, 48000), (12000, 8000), (97.65625, 100), (44100, 48000), (10 * np.pi, 7)]
)
def test_a_slow_tone_is_the_same_tone_at_the_new_rate(old: float, new: float) -> None:
    frequency = 0.2 * min(old, new)
    found = resample(made(tone(frequency, old, 6000), old), new)
    assert found.rate == new
    assert len(found[0]) == int(np.ceil(round(6000 * new / old, 6)))
    wanted = tone(frequency, new, len(found[0]))
    inner = slice(40, -40) if new < old else slice(100, -100)
    np.testing.assert_allclose(found[0].values[0, inner], wanted[inner], atol=4e-3)


def test_what_lies_above_the_new_half_rate_is_taken_out() -> None:
    found = resample(made(tone(9000.0, 48000, 20000)), 12000)
    assert np.abs(found[0].values[0, 30:-30]).max() < 4e-3
    naive = tone(9000.0, 48000, 20000)[::4]
    assert np.abs(naive).max() > 0.9


def test_it_equals_scipy_inside_and_chunks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    room = importlib.import_module("heedful.data.recordings.resample")
    x = np.random.default_rng(0).normal(size=(2, 5003)).cumsum(axis=1)
    for up, down in ((1, 4), (3, 2), (147, 160)):
        monkeypatch.setattr(room, "CHUNK", 1 << 18)
        whole = resample(made(x, 1000.0 * down), 1000.0 * up)[0].values
        reference = resample_poly(x, up, down, axis=1)
        assert whole.shape == reference.shape
        np.testing.assert_allclose(whole[:, 30:-30], reference[:, 30:-30], rtol=1e-5, atol=1e-5)
        monkeypatch.setattr(room, "CHUNK", 700)
        np.testing.assert_array_equal(resample(made(x, 1000.0 * down), 1000.0 * up)[0].values, whole)


def test_a_level_stays_level_to_the_ends() -> None:
    found = resample(made(np.full(1000, 7.5)), 12000)
    np.testing.assert_allclose(found[0].values, 7.5, rtol=1e-6)


def test_missing_samples_stay_missing_and_only_they() -> None:
    x = tone(200.0, 48000, 4000)
    x[1000:1100] = np.nan
    found = resample(made(x), 12000)[0].values[0]
    gone = np.flatnonzero(np.isnan(found))
    assert gone[0] == 250
    assert gone[-1] == 274
    assert len(gone) == 25


def test_whole_numbers_keep_their_scale_and_other_things_known() -> None:
    x = np.round(1000 * tone(100.0, 48000, 4000)).astype(np.int16)
    found = resample(made(x, label="b", scale=0.001, facts={"rpm": 5.0}), 12000)
    assert found[0].label == "b"
    assert found[0].facts == {"rpm": 5.0}
    assert found[0].scale == 0.001
    np.testing.assert_allclose(found[0].read(50, 900)[:, 0], tone(100.0, 12000, 1000)[50:900], atol=4e-3)
    assert found.notes == ("Resampled to 12000 samples a second: 1 from 48000.",)
    again = resample(found, 12000)
    assert again[0].values is found[0].values
    assert again.notes == found.notes


def test_what_cannot_be_resampled_says_so() -> None:
    with pytest.raises(DataError, match="rate of 'a' is unknown"):
        resample(made(np.zeros(9), None), 5)
    with pytest.raises(DataError, match="too far apart"):
        resample(made(np.zeros(9), 48000.0), 1)
    for rate in (0, -1, float("nan")):
        with pytest.raises(OptionError, match="above 0"):
            resample(made(np.zeros(9)), rate)


def test_mean_and_line_are_taken_off_with_missing_samples_left_out() -> None:
    t = np.arange(5000.0)
    x = np.stack([3 + 0.5 * t, -2 - 0.1 * t])
    x[0, 100:900] = np.nan
    line = detrend(made(x), "linear")[0].values
    np.testing.assert_allclose(line[:, ~np.isnan(x[0])], 0, atol=1e-3)
    assert np.isnan(line).sum() == 800
    mean = detrend(made(x), "mean")[0].values
    np.testing.assert_allclose(np.nanmean(mean, axis=1), 0, atol=1e-3)
    np.testing.assert_allclose(mean[1, -1] - mean[1, 0], -0.1 * 4999, rtol=1e-5)
    assert detrend(made(x), "none")[0].values is not line
    with pytest.raises(UnknownName, match="Did you mean 'linear'"):
        detrend(made(x), "liner")


def test_a_line_is_that_of_least_squares() -> None:
    from scipy.signal import detrend as reference

    x = np.random.default_rng(2).normal(size=(3, 777)).cumsum(axis=1)
    np.testing.assert_allclose(detrend(made(x), "linear")[0].values, reference(x, axis=1), atol=1e-5)
