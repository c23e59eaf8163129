"""Comparisons across data sets: one score per data set and model, lower is better."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from heedful.errors import OptionError, ShapeError
from heedful.trial.statistics.verdict import holm


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Mean ranks over data sets, ready for a critical-difference diagram.

    Args:
        ranks: mean rank of each model, 1 is best.
        critical_difference: mean ranks closer than this are not told apart (Nemenyi).
        statistic: Friedman's chi-square, corrected for ties.
        p: p value of "all models rank alike".
        pairwise: Nemenyi's p values (M, M), 1 on the diagonal.
        cliques: runs of models, best first, that are not told apart; the bars of the diagram.
        datasets: N.
    """

    ranks: tuple[float, ...]
    critical_difference: float
    statistic: float
    p: float
    pairwise: np.ndarray
    cliques: tuple[tuple[int, ...], ...]
    datasets: int


@dataclass(frozen=True, kw_only=True)
class WinTieLoss:
    """How many data sets one model wins, ties and loses against another."""

    wins: int
    ties: int
    losses: int

    def __str__(self) -> str:
        return f"{self.wins}/{self.ties}/{self.losses}"


def wilcoxon_holm(scores: np.ndarray, *, control: int | None = None) -> np.ndarray:
    """Compares models pairwise over data sets: Wilcoxon's signed ranks, Holm's correction over the pairs.

    Paper: Benavoli, Corani and Mangili, "Should we really use post-hoc tests based on mean-ranks?", JMLR 17, 2016.

    Args:
        scores: one a data set and model, lower is better.
        control: column that the others are compared with; by default all pairs are.

    Shape:  (N, M) -> adjusted p values (M, M), NaN where a pair is not compared, 1 on the diagonal.
    Raises: ShapeError for fewer than two data sets or models; OptionError for a control that is no column.

    >>> wilcoxon_holm(np.array([[1.0, 2], [1, 3], [1, 4], [2, 6], [1, 7], [1, 8]])).round(3).tolist()
    [[1.0, 0.031], [0.031, 1.0]]
    """
    scores = _checked("wilcoxon_holm", scores)
    models = scores.shape[1]
    if control is not None and not 0 <= control < models:
        raise OptionError(f"wilcoxon_holm needs a control from 0 to {models - 1}, got {control}. Give its column.")
    pairs = [pair for pair in combinations(range(models), 2) if control is None or control in pair]
    table = np.full((models, models), np.nan)
    np.fill_diagonal(table, 1.0)
    for (i, j), p in zip(pairs, holm([_wilcoxon(scores[:, i] - scores[:, j]) for i, j in pairs]), strict=True):
        table[i, j] = table[j, i] = p
    return table


def friedman_nemenyi(scores: np.ndarray, *, alpha: float = 0.05) -> Ranks:
    r"""Ranks models on every data set and says which mean ranks differ.

        critical difference = q_alpha sqrt(M (M + 1) / (6 N)),   q_alpha of the studentised range, divided by sqrt(2)

    Paper: Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006, section 3.2.

    Args:
        scores: one a data set and model, lower is better.
        alpha: error rate of the family of pairs.

    Shape:  (N, M), M >= 3.
    Raises: ShapeError for fewer than two data sets or three models; OptionError for an alpha outside 0 and 1.

    >>> scores = np.array([[1.0, 2, 3], [1, 2, 3], [2, 1, 3], [1, 2, 3]])
    >>> made = friedman_nemenyi(scores)
    >>> made.ranks, round(made.critical_difference, 2), made.cliques
    ((1.25, 1.75, 3.0), 1.66, ((0, 1), (1, 2)))
    """
    scores = _checked("friedman_nemenyi", scores, models=3)
    if not 0 < alpha < 1:
        raise OptionError(f"friedman_nemenyi needs an alpha between 0 and 1, got {alpha}. 0.05 is usual.")
    datasets, models = scores.shape
    ranks = stats.rankdata(scores, axis=1).mean(0)
    unit = np.sqrt(models * (models + 1) / (6 * datasets))
    between = np.abs(ranks[:, None] - ranks) / unit * np.sqrt(2)
    difference = float(stats.studentized_range.ppf(1 - alpha, models, np.inf) / np.sqrt(2) * unit)
    pairwise = stats.studentized_range.sf(between, models, np.inf)
    np.fill_diagonal(pairwise, 1.0)
    alike = bool((scores == scores[:, :1]).all())
    statistic, p = (0.0, 1.0) if alike else stats.friedmanchisquare(*scores.T)
    return Ranks(
        ranks=tuple(ranks.tolist()),
        critical_difference=difference,
        statistic=float(statistic),
        p=float(p),
        pairwise=pairwise,
        cliques=_cliques(ranks, difference),
        datasets=datasets,
    )


def win_tie_loss(a: np.ndarray, b: np.ndarray, *, tie: float = 0.0) -> WinTieLoss:
    """Counts the data sets on which the first model is better, as good and worse than the second.

    Args:
        a: scores of the first model, one a data set, lower is better.
        b: scores of the second model.
        tie: scores whose difference is at most this share of the second's count as equal.

    Shape:  (N,).
    Raises: ShapeError for scores of two shapes; OptionError for a negative tie.

    >>> print(win_tie_loss(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.01, 1.0]), tie=0.01))
    1/1/1
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1:
        raise ShapeError(f"win_tie_loss needs one score a data set for both models, got {a.shape} and {b.shape}.")
    if tie < 0:
        raise OptionError(f"win_tie_loss needs a tie of at least 0, got {tie}. 0.01 is 1 % of the score.")
    equal = np.abs(a - b) <= tie * np.abs(b)
    return WinTieLoss(wins=int(((a < b) & ~equal).sum()), ties=int(equal.sum()), losses=int(((a > b) & ~equal).sum()))


# --- the parts ---------------------------------------------------------------------------------------------------


def _checked(who: str, scores: np.ndarray, models: int = 2) -> np.ndarray:
    scores = np.asarray(scores, float)
    if scores.ndim != 2 or scores.shape[0] < 2 or scores.shape[1] < models or not np.isfinite(scores).all():
        raise ShapeError(
            f"{who} needs finite scores (data sets, models) of two data sets and {models} models or more, "
            f"got {scores.shape}. Leave out data sets that some model has no score on."
        )
    return scores


def _wilcoxon(differences: np.ndarray) -> float:
    return 1.0 if not differences.any() else float(stats.wilcoxon(differences).pvalue)


def _cliques(ranks: np.ndarray, difference: float) -> tuple[tuple[int, ...], ...]:
    order = np.argsort(ranks, kind="stable")
    runs: list[tuple[int, ...]] = []
    for start in range(len(order)):
        run = [int(i) for i in order[start:] if ranks[i] - ranks[order[start]] < difference]
        if len(run) > 1 and not (runs and set(run) <= set(runs[-1])):
            runs.append(tuple(run))
    return tuple(runs)
