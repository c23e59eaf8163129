"""What a classification or a regression of windows is worth: numbers from truth and probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn import metrics

from heedful.errors import ShapeError
from heedful.metrics import mae, r2, rmse

BINS = 15
"""Bins of equal width over the confidence, as in Guo et al. 2017."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric by name: whether more is better, and how it is called on paper."""

    name: str
    heading: str
    larger_is_better: bool


CLASSIFICATION = (
    Metric(name="accuracy", heading="accuracy", larger_is_better=True),
    Metric(name="macro_f1", heading="macro-F1", larger_is_better=True),
    Metric(name="balanced_accuracy", heading="balanced accuracy", larger_is_better=True),
    Metric(name="auroc", heading="AUROC", larger_is_better=True),
    Metric(name="log_loss", heading="log loss", larger_is_better=False),
    Metric(name="ece", heading="ECE", larger_is_better=False),
)
REGRESSION = (
    Metric(name="mae", heading="MAE", larger_is_better=False),
    Metric(name="rmse", heading="RMSE", larger_is_better=False),
    Metric(name="r2", heading="R2", larger_is_better=True),
)


def classification(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Scores probabilities of classes; every average over classes is over those that the truth holds.

    Args:
        truth: code of the true class of each sample.
        probabilities: of each class.

    Shape:  (n,) and (n, K).
    Unit:   shares from 0 to 1, the log loss in nats; AUROC is NaN where the truth holds one class.
    Raises: ShapeError if the two do not belong together.

    >>> found = classification(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    >>> round(found["accuracy"], 3), round(found["macro_f1"], 3), found["auroc"]
    (0.667, 0.667, 1.0)
    """
    truth, probabilities = _checked(truth, probabilities)
    said = probabilities.argmax(1)
    held = np.unique(truth)
    right = said == truth
    chance = probabilities[np.arange(len(truth)), truth]
    return {
        "accuracy": float(right.mean()),
        "macro_f1": float(metrics.f1_score(truth, said, labels=held, average="macro", zero_division=0.0)),
        "balanced_accuracy": float(np.mean([right[truth == code].mean() for code in held])),
        "auroc": _auroc(truth, probabilities, held),
        "log_loss": float(-np.log(np.clip(chance, 1e-12, 1.0)).mean()),
        "ece": expected_calibration_error(truth, probabilities),
    }


def regression(truth: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """Scores numbers against the true ones.

    Shape: both (n,).
    Unit:  MAE and RMSE that of the target.

    >>> regression(np.array([1.0, 2.0]), np.array([1.0, 4.0]))["mae"]
    1.0
    """
    return {"mae": mae(truth, said), "rmse": rmse(truth, said), "r2": r2(truth, said)}


def expected_calibration_error(truth: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    r"""Says how far confidence lies from accuracy on average.

        ECE = sum_b n_b / n |accuracy_b - confidence_b|

    Paper: Guo et al., "On calibration of modern neural networks", ICML 2017, arXiv:1706.04599v2, section 2.

    Args:
        bins: of equal width over the largest probability.

    Shape: (n,) and (n, K).

    >>> expected_calibration_error(np.array([0, 0]), np.array([[0.8, 0.2], [0.8, 0.2]]))
    0.19999999999999996
    """
    truth, probabilities = _checked(truth, probabilities)
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(truth))


def per_class(truth: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """Gives precision, recall, F1 and number of samples of each class.

    Shape: (n,) and (n, K) -> one row a class.

    >>> per_class(np.array([0, 1]), np.eye(2), ("a", "b"))["recall"].tolist()
    [1.0, 1.0]
    """
    truth, probabilities = _checked(truth, probabilities)
    numbers = metrics.precision_recall_fscore_support(
        truth, probabilities.argmax(1), labels=np.arange(len(classes)), zero_division=0.0
    )
    table = pd.DataFrame(dict(zip(("precision", "recall", "f1", "samples"), numbers, strict=True)), index=list(classes))
    return table.rename_axis("class").astype({"samples": int})


def confusion(truth: np.ndarray, probabilities: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """Counts what was said (columns) of each true class (rows).

    >>> confusion(np.array([0, 0, 1]), np.array([[1, 0], [0, 1], [0, 1.0]]), ("a", "b")).to_numpy().tolist()
    [[1, 1], [0, 1]]
    """
    truth, probabilities = _checked(truth, probabilities)
    counts = metrics.confusion_matrix(truth, probabilities.argmax(1), labels=np.arange(len(classes)))
    names = list(classes)
    return pd.DataFrame(counts, index=pd.Index(names, name="true"), columns=pd.Index(names, name="said"))


def vote(probabilities: np.ndarray, recordings: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lets the windows of each recording decide together: the mean of their probabilities.

    Args:
        probabilities: of each window and class.
        recordings: number of the recording of each window.

    Shape:   (n, K) and (n,) -> recordings (R,) in order, probabilities (R, K), and the share of windows (R,) that
             say by themselves what the recording is said to be.

    >>> numbers, together, share = vote(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([7, 7]))
    >>> numbers.tolist(), together.round(2).tolist(), share.tolist()
    ([7], [[0.65, 0.35]], [0.5])
    """
    numbers, place = np.unique(recordings, return_inverse=True)
    counts = np.bincount(place)[:, None]
    together = np.stack([np.bincount(place, weights=column) for column in probabilities.T], 1) / counts
    agree = probabilities.argmax(1) == together.argmax(1)[place]
    return numbers, together, np.bincount(place, weights=agree) / counts[:, 0]


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Gives the probabilities of scores, each divided by the temperature.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    scaled = np.asarray(logits, float) / temperature
    raised = np.exp(scaled - scaled.max(-1, keepdims=True))
    found: np.ndarray = raised / raised.sum(-1, keepdims=True)
    return found


def metrics_of(classes: int) -> Mapping[str, Metric]:
    """Gives the metrics of a job by name: of a classification, or of a regression for no classes."""
    return {one.name: one for one in (CLASSIFICATION if classes else REGRESSION)}


def _auroc(truth: np.ndarray, probabilities: np.ndarray, held: np.ndarray) -> float:
    """Averages over the classes of the truth how well each is told from the rest."""
    if len(held) < 2:
        return float("nan")
    return float(np.mean([metrics.roc_auc_score(truth == code, probabilities[:, code]) for code in held]))


def _checked(truth: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, float)
    if truth.ndim != 1 or probabilities.ndim != 2 or len(truth) != len(probabilities) or not len(truth):
        raise ShapeError(
            f"Scores need the true class of each sample (n,) and probabilities (n, K), got {truth.shape} and "
            f"{probabilities.shape}. Give both for the same samples."
        )
    if truth.min() < 0 or truth.max() >= probabilities.shape[1]:
        raise ShapeError(
            f"Scores need classes from 0 to {probabilities.shape[1] - 1}, got {truth.min()} to {truth.max()}. "
            "Give probabilities of every class."
        )
    return truth, probabilities
