"""Classifier keeps the conventions of scikit-learn where they apply to recordings."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.utils.estimator_checks import parametrize_with_checks

import heedful
from heedful import Classifier
from heedful.errors import DataError, OptionError

EXPECTED = {
    "check_dtype_object": "the message names the samples, not numpy's argument",
    "check_methods_subset_invariance": "single precision: sums over a batch differ in the last digit with its size",
    "check_classifiers_train": "asks 83 % of a network that is trained for one epoch here; see the test of tones",
}
QUICK = {"model": "wdcnn", "epochs": 1}


def _expected(_: object) -> dict[str, str]:
    return EXPECTED


@parametrize_with_checks([Classifier(**QUICK)], expected_failed_checks=_expected)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def tones(count: int, length: int = 80, channels: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 2
    phase = rng.uniform(0, 6, (count, 1, channels))
    x = np.sin(np.arange(length)[:, None] * np.where(y, 0.5, 1.5)[:, None, None] + phase)
    return x + rng.normal(0, 0.3, x.shape), np.where(y, "low", "high")


def test_tones_are_told_apart() -> None:
    x, y = tones(60)
    model = Classifier("wdcnn", epochs=15).fit(x, y)
    new, truth = tones(40, seed=1)
    assert model.score(new, truth) > 0.9
    p = model.predict_proba(new)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
    assert (model.classes_[p.argmax(1)] == model.predict(new)).all()


def test_groups_stay_together_in_a_search() -> None:
    x, y = tones(36)
    groups = np.repeat(np.arange(18), 2)
    search = GridSearchCV(Classifier(**QUICK, validation=0.25), {"scaling": ["standard", "window"]}, cv=GroupKFold(3))
    search.fit(x, y, groups=groups)
    assert set(search.cv_results_["param_scaling"]) == {"standard", "window"}


def test_groups_given_to_fit_are_not_split_by_its_validation() -> None:
    x, y = tones(40)
    groups = np.arange(40) % 10  # of one class each
    model = Classifier(**QUICK).fit(x, y, groups=groups)
    seen = {int(name) % 10 for name in model.bundle_.scaler.recordings}
    assert seen < set(range(10))


def test_samples_of_unequal_lengths_are_a_list() -> None:
    x, y = tones(30)
    lengths = np.random.default_rng(0).integers(40, 81, 30)
    model = Classifier(**QUICK).fit([one[:n] for one, n in zip(x, lengths, strict=True)], y)
    assert model.n_features_in_ == lengths.max()
    assert model.predict([one[:50] for one in x]).shape == (30,)
    with pytest.raises(DataError, match="at most"):
        model.predict(np.concatenate([x, x], 1))


def test_a_window_lets_samples_be_of_any_length() -> None:
    x, y = tones(30)
    model = Classifier(**QUICK, window=40).fit(x, y)
    assert model.predict(np.concatenate([x, x], 1)).shape == (30,)


def test_a_classifier_is_cloned_pickled_and_bundled(tmp_path) -> None:
    x, y = tones(24)
    model = Classifier(**QUICK, random_state=3).fit(x, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    np.testing.assert_array_equal(clone(model).fit(x, y).predict_proba(x), model.predict_proba(x))
    place = model.bundle_.save(tmp_path / "bundle")
    told = heedful.predict(place, list(x.transpose(0, 2, 1)))
    assert (model.classes_[told["said"].astype(int)] == model.predict(x)).all()


def test_samples_that_cannot_be_used_are_refused() -> None:
    x, y = tones(12)
    model = Classifier(**QUICK).fit(x, y)
    with pytest.raises(DataError, match="expecting 2 channels"):
        model.predict(x[..., :1])
    with pytest.raises(DataError, match="one class alone"):
        Classifier(**QUICK).fit(x, np.zeros(12))
    with pytest.raises(DataError, match="Give as many"):
        Classifier(**QUICK).fit(x, y, groups=np.zeros(3))
    with pytest.raises(DataError, match="infinity"):
        Classifier(**QUICK).fit(np.where(x > 1, np.inf, x), y)
    with pytest.raises(OptionError, match="random_state"):
        Classifier(**QUICK, random_state=-1).fit(x, y)
    with pytest.raises(OptionError, match="validation"):
        Classifier(**QUICK, validation=1.0).fit(x, y)


def test_one_group_a_class_is_learned_in_time_and_told() -> None:
    x, y = tones(12, length=160)
    model = Classifier("wdcnn", window=32, epochs=1).fit(x, y, groups=y)
    assert any("in time" in note for note in model.bundle_.notes)
    whole = Classifier("wdcnn", epochs=1).fit(x, y, groups=y)
    assert whole.predict(x).shape == (12,)
