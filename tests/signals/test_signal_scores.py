"""Scores of classified windows, against loops over their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from heedful.errors import ShapeError
from heedful.signals import scores
from heedful.signals.calibration import temperature


@pytest.fixture
def said() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    truth = rng.choice([0, 1, 3], 200, p=[0.6, 0.3, 0.1])  # class 2 never comes
    logits = rng.standard_normal((200, 4)) + 1.5 * np.eye(4)[truth]
    return truth, scores.softmax(logits)


def test_macro_f1_is_the_mean_over_the_classes_that_the_truth_holds(said: tuple[np.ndarray, np.ndarray]) -> None:
    truth, p = said
    guess = p.argmax(1)
    assert (guess == 2).any()
    parts = []
    for code in (0, 1, 3):
        hit = np.sum((guess == code) & (truth == code))
        parts.append(2 * hit / (np.sum(guess == code) + np.sum(truth == code)))
    assert scores.classification(truth, p)["macro_f1"] == pytest.approx(np.mean(parts), rel=1e-12)


def test_auroc_counts_the_pairs_in_the_right_order(said: tuple[np.ndarray, np.ndarray]) -> None:
    truth, p = said
    parts = []
    for code in (0, 1, 3):
        own, other = p[truth == code, code], p[truth != code, code]
        pairs = own[:, None] - other
        parts.append(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    assert scores.classification(truth, p)["auroc"] == pytest.approx(np.mean(parts), rel=1e-12)


def test_auroc_of_one_class_is_no_number() -> None:
    assert np.isnan(scores.classification(np.zeros(3, int), np.full((3, 2), 0.5))["auroc"])


def test_calibration_error_is_the_gap_bin_by_bin(said: tuple[np.ndarray, np.ndarray]) -> None:
    truth, p = said
    confidence, right = p.max(1), p.argmax(1) == truth
    total = 0.0
    for b in range(10):
        inside = (confidence > b / 10) & (confidence <= (b + 1) / 10)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert scores.expected_calibration_error(truth, p, bins=10) == pytest.approx(total, rel=1e-12)


def test_the_confusion_matrix_counts_every_sample_once(said: tuple[np.ndarray, np.ndarray]) -> None:
    truth, p = said
    table = scores.confusion(truth, p, ("a", "b", "c", "d"))
    for i in range(4):
        for j in range(4):
            assert table.iloc[i, j] == np.sum((truth == i) & (p.argmax(1) == j))


def test_a_vote_is_the_mean_of_its_windows_whatever_their_order(said: tuple[np.ndarray, np.ndarray]) -> None:
    _, p = said
    recordings = np.random.default_rng(0).integers(5, 9, len(p))
    numbers, together, share = scores.vote(p, recordings)
    for place, number in enumerate(numbers):
        own = p[recordings == number]
        np.testing.assert_allclose(together[place], own.mean(0), rtol=1e-12)
        assert share[place] == pytest.approx(np.mean(own.argmax(1) == own.mean(0).argmax()))


def test_the_temperature_lowers_the_log_loss_and_leaves_the_classes(said: tuple[np.ndarray, np.ndarray]) -> None:
    truth, p = said
    logits = 5 * np.log(p)
    t = temperature(logits, truth)
    before, after = scores.softmax(logits), scores.softmax(logits, t)
    assert (before.argmax(1) == after.argmax(1)).all()
    assert scores.classification(truth, after)["log_loss"] < scores.classification(truth, before)["log_loss"]
    for other in (0.9 * t, 1.1 * t):
        worse = scores.classification(truth, scores.softmax(logits, other))["log_loss"]
        assert worse > scores.classification(truth, after)["log_loss"]


def test_scores_of_unequal_lengths_or_unknown_classes_are_refused() -> None:
    with pytest.raises(ShapeError, match="same samples"):
        scores.classification(np.zeros(3, int), np.full((2, 2), 0.5))
    with pytest.raises(ShapeError, match="every class"):
        scores.classification(np.array([0, 2]), np.full((2, 2), 0.5))
