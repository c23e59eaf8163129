from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import hilbert
from sklearn.ensemble import RandomForestClassifier

from heedful.data.recordings import Cuts, Recordings, cut, folds, split_recordings
from heedful.data.sets.bearings import Geometry, bearings
from heedful.errors import OptionError

WINDOW = 2048


@pytest.fixture(scope="module")
def made() -> Recordings:
    return bearings(seconds=2)


def spectrum_of_the_envelope(x: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    spectrum = np.fft.rfft(x)
    spectrum[: round(1000 * len(x) / rate)] = 0
    envelope = np.abs(hilbert(np.fft.irfft(spectrum, len(x))))
    return np.fft.rfftfreq(len(x), 1 / rate), np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(x))))


def features(cuts: Cuts) -> dict[str, np.ndarray]:
    x = cuts.read(np.arange(len(cuts)))[0][:, :, 0]
    size = x.std(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(x / size * np.hanning(WINDOW))) ** 2
    envelope = np.stack([spectrum_of_the_envelope(one, 12000)[1][1:80] for one in x])
    return {
        "size": np.log(size),
        "spectrum": np.log(power[:, :1024].reshape(len(x), 128, 8).mean(axis=2) + 1e-9),
        "envelope": np.log(envelope / envelope.mean(axis=1, keepdims=True) + 1e-3),
    }


def accuracy(train: Cuts, test: Cuts) -> dict[str, float]:
    learned, asked = features(train), features(test)
    found = {}
    for name, x in learned.items():
        forest = RandomForestClassifier(60, min_samples_leaf=2, random_state=0).fit(x, train.labels)
        found[name] = float(np.mean(forest.predict(asked[name]) == test.labels))
    return found


def test_defect_frequencies_are_those_of_the_maker():
    # SKF 6205 as the Case Western Reserve Bearing Data Center lists it: 5.4152, 3.5848 and 4.7135 turns of the shaft.
    shape = Geometry()
    assert (shape.inner, shape.outer, 2 * shape.spin) == pytest.approx((5.4152, 3.5848, 4.7135), abs=1e-3)
    assert shape.inner + shape.outer == pytest.approx(9)
    assert shape.outer == pytest.approx(9 * shape.cage)


def test_a_contact_angle_slows_the_cage_less_than_a_flat_one():
    assert Geometry(angle=30).cage > Geometry().cage
    assert Geometry(angle=90).cage == pytest.approx(0.5)


def test_the_same_seed_gives_the_same_bearings_and_more_bearings_change_none():
    first, again = bearings(seconds=0.2, per_class=2), bearings(seconds=0.2, per_class=3)
    known = {one.name: one for one in again.items}
    assert all(np.array_equal(one.values, known[one.name].values) for one in first.items)
    assert first.fingerprint == bearings(seconds=0.2, per_class=2).fingerprint
    assert first.fingerprint != bearings(seconds=0.2, per_class=2, seed=1).fingerprint


def test_each_class_has_bearings_that_are_groups_at_two_loads(made):
    assert made.classes == ("ball", "healthy", "inner", "outer")
    assert len(made.groups) == 24
    assert len(made) == 48
    for one in made.items:
        assert one.facts["bpfo_hz"] / one.facts["shaft_hz"] == pytest.approx(3.5848, abs=1e-3)
        assert 1730 < one.facts["rpm"] < 1810
    loads = {one.group: set() for one in made.items}
    for one in made.items:
        loads[one.group].add(one.facts["load"])
    assert all(own == {0.0, 2.0} for own in loads.values())
    assert "synthetic" in made.notes[0]


@pytest.mark.parametrize(
    ("label", "key", "times"), [("outer", "bpfo_hz", 1), ("inner", "bpfi_hz", 1), ("ball", "bsf_hz", 2)]
)
def test_the_envelope_has_a_line_at_the_defect_frequency(made, label, key, times):
    seen, healthy = [], []
    for one in made.items:
        if one.label not in (label, "healthy"):
            continue
        frequencies, height = spectrum_of_the_envelope(one.values[0].astype(float), 12000)
        line = times * float(one.facts[key])
        near = height[np.abs(frequencies - line) < 0.04 * line].max()
        around = np.median(height[(frequencies > 0.5 * line) & (frequencies < 1.5 * line)])
        (seen if one.label == label else healthy).append(near / around)
    assert np.median(seen) > 2 * np.median(healthy)


def test_it_is_not_trivial_and_held_out_bearings_are_harder_than_random_windows(made):
    leaky = split_recordings(made, "random-windows", sizes=(0.67, 0.0, 0.33))
    easy = accuracy(cut(leaky.train, WINDOW, 1024), cut(leaky.test, WINDOW, 1024))
    honest = [accuracy(cut(one.train, WINDOW), cut(one.test, WINDOW)) for one in folds(made, "group", 3, validation=0)]
    hard = {name: float(np.mean([one[name] for one in honest])) for name in easy}
    assert easy["spectrum"] > 0.95
    assert easy["size"] < easy["spectrum"] - 0.15
    assert hard["size"] < 0.5
    assert hard["spectrum"] < easy["spectrum"] - 0.3
    assert hard["envelope"] > hard["size"] + 0.25


def test_numbers_that_are_too_small_are_refused():
    for wrong in ({"rate": 100.0}, {"seconds": 0.001}, {"per_class": 0}):
        with pytest.raises(OptionError, match="bearings needs a rate of at least 2000"):
            bearings(**wrong)
