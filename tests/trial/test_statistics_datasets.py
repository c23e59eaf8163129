from __future__ import annotations

import numpy as np
import pytest
import scikit_posthocs
from scipy import stats
from statsmodels.stats.multitest import multipletests

from heedful.errors import OptionError, ShapeError
from heedful.trial.statistics import friedman_nemenyi, wilcoxon_holm, win_tie_loss


def scores(datasets: int = 14, models: int = 5) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.chisquare(5, (datasets, 1)) + rng.standard_normal((datasets, models)) + 0.5 * np.arange(models)


def test_pairwise_wilcoxon_agrees_with_scikit_posthocs():
    table = scores()
    theirs = scikit_posthocs.posthoc_wilcoxon([*table.T], p_adjust="holm").to_numpy()
    assert wilcoxon_holm(table) == pytest.approx(theirs, abs=1e-12)


def test_a_control_shrinks_the_family_to_its_own_pairs():
    table = scores(models=4)
    found = wilcoxon_holm(table, control=2)
    alone = [stats.wilcoxon(table[:, j], table[:, 2]).pvalue for j in (0, 1, 3)]
    assert found[2, [0, 1, 3]] == pytest.approx(multipletests(alone, method="holm")[1], rel=1e-12)
    assert np.isnan(found[0, 1])
    assert np.array_equal(found, found.T, equal_nan=True)


def test_equal_models_have_a_p_value_of_one():
    table = np.repeat(scores(models=1), 3, axis=1)
    assert (wilcoxon_holm(table) == 1).all()
    found = friedman_nemenyi(table)
    assert (found.p, found.ranks) == (1, (2, 2, 2))


def test_ranks_and_nemenyi_agree_with_scipy_and_scikit_posthocs():
    table = scores().round(0)  # with ties
    found = friedman_nemenyi(table)
    theirs = stats.friedmanchisquare(*table.T)
    assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert found.ranks == pytest.approx(stats.rankdata(table, axis=1).mean(0))
    assert found.pairwise == pytest.approx(scikit_posthocs.posthoc_nemenyi_friedman(table).to_numpy(), abs=1e-6)
    assert found.datasets == 14


@pytest.mark.parametrize(
    ("models", "q"), [(3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)]
)
def test_the_critical_difference_is_the_one_printed_by_demsar(models, q):
    """JMLR 7, 2006, table 5a."""
    found = friedman_nemenyi(scores(30, models))
    assert found.critical_difference == pytest.approx(q * np.sqrt(models * (models + 1) / 180), rel=5e-4)


def test_cliques_hold_models_closer_than_the_critical_difference():
    found = friedman_nemenyi(scores(25, 6))
    ranks = np.array(found.ranks)
    for clique in found.cliques:
        assert len(clique) > 1
        assert np.ptp(ranks[list(clique)]) < found.critical_difference
    together = {frozenset((i, j)) for clique in found.cliques for i in clique for j in clique if i < j}
    close = {
        frozenset((i, j))
        for i in range(6)
        for j in range(i + 1, 6)
        if abs(ranks[i] - ranks[j]) < found.critical_difference
    }
    assert together | {pair for pair in close if pair in together} == close


def test_wins_ties_and_losses_add_up():
    a, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.5, 2.0, 4.1])
    assert str(win_tie_loss(a, b)) == "2/1/1"
    assert str(win_tie_loss(a, b, tie=0.03)) == "1/2/1"


def test_scores_that_cannot_be_ranked_are_refused():
    with pytest.raises(ShapeError, match="two data sets and 3 models or more, got"):
        friedman_nemenyi(np.ones((5, 2)))
    with pytest.raises(ShapeError, match="Leave out data sets"):
        wilcoxon_holm(np.full((5, 3), np.nan))
    with pytest.raises(OptionError, match="alpha between 0 and 1"):
        friedman_nemenyi(scores(), alpha=0)
    with pytest.raises(OptionError, match="control from 0 to 4, got 5"):
        wilcoxon_holm(scores(), control=5)
    with pytest.raises(ShapeError, match="one score a data set"):
        win_tie_loss(np.ones(3), np.ones(4))
    with pytest.raises(OptionError, match="tie of at least 0"):
        win_tie_loss(np.ones(3), np.ones(3), tie=-1)
