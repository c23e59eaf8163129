"""One number that makes confidence honest: the temperature, found on the validation part."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from heedful.signals.scores import softmax

_LOWEST, _HIGHEST = 0.05, 20.0


def temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    r"""Finds the T at which softmax(logits / T) has the smallest log loss; the classes said stay the same.

    Paper: Guo et al., "On calibration of modern neural networks", ICML 2017, arXiv:1706.04599v2, section 4.2.

    Args:
        logits: of samples that were not trained on.
        truth: code of the true class of each.

    Shape: (n, K) and (n,).
    Unit:  none; above 1 where the network is too sure of itself, kept between 0.05 and 20.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 4000)
    >>> right = rng.random(4000) < 0.75
    >>> said = np.where(right, truth, 1 - truth)
    >>> round(temperature(10 * np.eye(2)[said], truth), 1)  # sure to 10 nats, right in three of four
    9.1
    """

    def loss(log_t: float) -> float:
        chance = softmax(logits, float(np.exp(log_t)))[np.arange(len(truth)), truth]
        return float(-np.log(np.clip(chance, 1e-12, 1.0)).mean())

    found = minimize_scalar(loss, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded")
    return float(np.exp(found.x))
