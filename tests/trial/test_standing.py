"""What is said of an attention over many data sets agrees with tests made one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from heedful.trial.family import Question, family
from heedful.trial.standing import needed, record_of, standings


def question(name: str, *, placebo: bool = True) -> Question:
    return Question(
        attention=name,
        backbone="net",
        arm=f"net+{name}",
        none=("net", "net+mean"),
        placebo=f"net+{name}+placebo" if placebo else None,
        wide=f"net+{name}+wide",
    )


ASKED = (question("a"), question("b"), question("c", placebo=False))


def table(sets: int, shift: dict[str, float], seed: int = 0) -> pd.DataFrame:
    """Losses of all arms on so many data sets of very different level; `shift` is the logarithm of a model's factor."""
    rng = np.random.default_rng(seed)
    names = dict.fromkeys(
        name for one in ASKED for name in (one.arm, *one.none, *([one.placebo] if one.placebo else []))
    )
    level = rng.chisquare(3, (sets, 1))
    noise = rng.normal(0, 0.02, (sets, len(names)))
    return pd.DataFrame(level * np.exp(noise + [shift.get(name, 0.0) for name in names]), columns=list(names))


@pytest.mark.parametrize("members", [1, 2, 3, 5, 8, 40])
def test_so_many_data_sets_are_needed_as_let_the_smallest_p_value_pass(members: int) -> None:
    def reached(sets: int) -> bool:
        smallest = stats.wilcoxon(np.arange(1.0, sets + 1)).pvalue
        return bool(multipletests([smallest, *[1.0] * (members - 1)], method="holm")[1][0] <= 0.05)

    fewest = needed(members)
    assert reached(fewest)
    assert not reached(fewest - 1)


def test_the_p_value_is_the_largest_over_all_controls_corrected_over_the_family() -> None:
    losses = table(14, {"net+a": -0.07, "net+mean": -0.03, "net+b": 0.03})
    found = {one.arm: one for one in standings(ASKED, losses)}

    def p(arm: str, control: str) -> float:
        difference = np.log(losses[arm]) - np.log(losses[control])
        return float(stats.wilcoxon(difference).pvalue) if difference.median() < 0 else 1.0

    controls = {one.arm: (*one.none, one.placebo) for one in ASKED if one.placebo}
    raw = [max(p(arm, control) for control in names) for arm, names in controls.items()]
    assert [found[arm].p_helps for arm in controls] == pytest.approx(multipletests(raw, method="holm")[1])
    assert found["net+a"].p_helps < 0.05 < found["net+b"].p_helps
    assert found["net+a"].control == "net+mean"
    ratio = (losses["net+a"] / losses["net+mean"]).to_numpy()
    assert found["net+a"].change == pytest.approx(stats.gmean(ratio) - 1)


def test_to_be_worse_is_to_be_worse_than_every_control_without_attention() -> None:
    worse = {one.arm: one for one in standings(ASKED, table(12, {"net+b": 0.1}))}
    assert worse["net+b"].p_hurts < 0.05
    one_only = {one.arm: one for one in standings(ASKED, table(12, {"net+b": 0.1, "net+mean": 0.2}))}
    assert one_only["net+b"].p_hurts == 1


def test_too_few_data_sets_give_no_p_value() -> None:
    few, enough = (standings(ASKED, table(sets, {"net+a": -0.5})) for sets in (6, 7))
    assert {one.p_helps for one in few} == {None}
    assert next(one.p_helps for one in enough if one.arm == "net+a") == pytest.approx(2 * 2 / 2**7)


def test_an_attention_without_a_placebo_is_compared_but_not_tested() -> None:
    assert family(ASKED) == 2
    [found] = [one for one in standings(ASKED, table(12, {"net+c": -0.5})) if one.arm == "net+c"]
    assert (found.p_helps, found.p_hurts) == (None, None)
    assert found.change == pytest.approx(np.exp(-0.5) - 1, abs=0.02)


def test_what_is_not_finished_counts_in_the_correction() -> None:
    losses = table(12, {"net+a": -0.05})
    whole = next(one for one in standings(ASKED, losses) if one.arm == "net+a")
    [part] = [one for one in standings(ASKED, losses.drop(columns="net+b+placebo")) if one.arm == "net+a"]
    alone = next(one for one in standings(ASKED[:1], losses) if one.arm == "net+a")
    assert part.p_helps == whole.p_helps == 2 * alone.p_helps


def test_the_record_counts_verdicts_or_else_changes_beyond_the_margin() -> None:
    said = record_of(["helps", "hurts", "hurts", "no placebo", "not decidable with this test set"])
    assert (str(said), said.undecided) == ("1/2/2", 1)
    losses = pd.DataFrame({"net+a": [0.9, 0.99, 1.2], "net": 1.0, "net+mean": 1.01, "net+a+placebo": 2.0})
    [counted] = standings(ASKED[:1], losses, tie=0.05)
    assert (counted.control, str(counted.record)) == ("net", "1/1/1")
    [given] = standings(ASKED[:1], losses, records={"net+a": said})
    assert given.record == said


def test_a_loss_of_zero_is_the_best_and_no_infinity() -> None:
    losses = table(8, {})
    losses.loc[:, "net+a"] = 0.0
    [found] = [one for one in standings(ASKED, losses) if one.arm == "net+a"]
    assert found.change == pytest.approx(-1)
    assert found.p_helps == pytest.approx(2 * 2 / 2**8)
