from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from heedful.errors import OptionError
from heedful.trial.statistics import OUTCOMES, Contrast, contrast, holm, p_told, verdict, verdicts


def made(effect: float, half: float, *, blocks: int = 12, seeds: int = 5, drift: float = 0.0) -> Contrast:
    error = half / stats.t.ppf(0.975, 10)
    p_better = float(stats.t.cdf(effect / error, 10))
    return Contrast(
        mean=effect,
        effect=effect,
        low=effect - half,
        high=effect + half,
        level=0.95,
        error=error,
        degrees=10.0,
        p=2 * min(p_better, 1 - p_better),
        p_better=p_better,
        seeds=seeds,
        blocks=blocks,
        origins=1000,
        tau=3.0,
        block_means=(effect,) * blocks,
        drift=drift,
        detectable=error * float(stats.t.ppf(0.975, 10) + stats.t.ppf(0.8, 10)),
    )


def judged(none: Contrast | dict[str, Contrast], placebo: Contrast, **options):
    return verdicts({"eca": (none, placebo)}, **options)["eca"]


def test_what_beats_both_controls_helps():
    found = judged(made(-0.10, 0.03), made(-0.08, 0.03))
    assert found.outcome == "helps"
    assert found.causes[0] == "better"
    assert "beats none (-10.0 % [-13.0, -7.0], 5 seeds x 12 blocks)" in found.reasons[0]
    assert found.p_helps == found.against_placebo.p_better  # the weaker of the two


@pytest.mark.parametrize("placebo", [made(0.0, 0.02), made(-0.01, 0.02), made(0.03, 0.01)])
def test_what_does_not_beat_its_placebo_does_not_help(placebo):
    found = judged(made(-0.20, 0.03), placebo)
    assert found.outcome == "no difference found"
    assert found.causes[0] == "same as placebo"
    assert "does not come from looking at the input" in found.reasons[0]


def test_what_is_worse_than_none_hurts_whatever_the_placebo_does():
    for placebo in (made(-0.1, 0.03), made(0.0, 0.2), made(0.1, 0.03)):
        assert judged(made(0.10, 0.03), placebo).outcome == "hurts"


def test_an_interval_inside_the_margin_is_no_difference_and_one_outside_is_not_decidable():
    inside = judged(made(-0.01, 0.03), made(0.0, 0.2))
    assert (inside.outcome, inside.causes[0]) == ("no difference found", "same")
    outside = judged(made(-0.01, 0.06), made(0.0, 0.2))
    assert (outside.outcome, outside.causes[0]) == ("not decidable with this test set", "wide")
    assert "effects below 27.9 %" in outside.reasons[0]
    assert judged(made(-0.01, 0.06), made(0.0, 0.2), margin=0.1).outcome == "no difference found"


def test_no_difference_has_to_hold_against_every_control_without_attention():
    same, wide, placebo = made(0.0, 0.02), made(-0.01, 0.06), made(-0.1, 0.2)
    both = judged({"last state": same, "mean of all states": made(-0.01, 0.02)}, placebo)
    assert (both.outcome, both.causes[0]) == ("no difference found", "same")
    assert "every control without attention" in both.reasons[0]
    assert "last state +0.0 %" in both.reasons[0]
    assert "mean of all states -1.0 %" in both.reasons[0]
    alone = judged(same, placebo)
    open_one = judged({"last state": wide, "mean of all states": same}, placebo)
    assert open_one.against_none is same  # the hardest control alone would say no difference
    assert alone.outcome == "no difference found"
    assert (open_one.outcome, open_one.causes[0]) == ("not decidable with this test set", "wide")


def test_what_one_control_gives_too_is_no_difference_and_the_controls_are_named():
    found = judged({"last state": made(-0.3, 0.02), "mean of all states": made(0.0, 0.02)}, made(-0.1, 0.03))
    assert (found.outcome, found.causes[0]) == ("no difference found", "same as one")
    assert "(mean of all states +0.0 % [-2.0, +2.0], 5 seeds x 12 blocks)" in found.reasons[0]
    assert "over the other (last state -30.0 %" in found.reasons[0]


def test_to_help_and_to_hurt_every_control_counts():
    clear, weak = made(-0.10, 0.03), made(-0.05, 0.055)
    assert judged({"last state": clear, "mean of all states": clear}, clear).outcome == "helps"
    assert judged({"last state": clear, "mean of all states": weak}, clear).outcome != "helps"
    worse = made(0.10, 0.03)
    both = judged({"last state": worse, "mean of all states": worse}, clear)
    assert both.outcome == "hurts"
    assert "none (last state +10.0 %" in both.reasons[0]
    assert judged({"last state": worse, "mean of all states": made(0.05, 0.055)}, clear).outcome != "hurts"


def test_the_detectable_effect_is_that_of_the_whole_family():
    c, larger = made(0.0, 0.2), made(0.0, 0.3)
    one = verdicts({"a": (c, c)})["a"]
    assert one.detectable == pytest.approx(c.detectable)
    eight = verdicts({str(k): (c, larger) for k in range(8)})["0"]
    error = 0.3 / stats.t.ppf(0.975, 10)
    assert eight.detectable == pytest.approx((stats.t.ppf(1 - 0.05 / 8, 10) + stats.t.ppf(0.8, 10)) * error)
    assert f"effects below {100 * eight.detectable:.1f} %" in eight.reasons[0]
    assert "one of 8 attentions tried" in eight.reasons[0]
    assert verdicts({"a": (c, larger)}, family=8)["a"].detectable == eight.detectable


def test_several_training_sets_are_said_and_few_of_them_are_warned_of():
    c = made(0.0, 0.01)
    few, many = (verdicts({"a": (c, c)}, trainings=k)["a"] for k in (4, 12))
    assert few.causes == ("same", "claim of several", "few trainings")
    assert "The claim covers these 4 training sets, each with its part of the test span, 1000 origins" in few.reasons[1]
    assert "fewer than 8" in few.reasons[2]
    assert many.causes == ("same", "claim of several")
    assert not any("this training set" in reason for reason in many.reasons)


def test_no_p_value_is_written_as_zero():
    strong = made(-0.5, 0.01)
    found = judged(strong, strong)
    assert found.p_helps < 1e-6
    assert "adjusted p < 0.001" in str(found)
    assert "p = 0.000" not in str(judged(made(0.5, 0.01), strong))
    assert p_told(0.02) == "p = 0.020"


def test_too_few_blocks_or_seeds_decide_nothing():
    strong = made(-0.3, 0.01)
    few = judged(made(-0.3, 0.01, blocks=5), strong)
    assert few.outcome == "not decidable with this test set"
    assert "room for 5 independent blocks" in few.reasons[0]
    alone = judged(made(-0.3, 0.01, seeds=2), strong)
    assert (alone.outcome, alone.causes[0]) == ("not decidable with this test set", "few seeds")
    assert "With 2 of the 3 seeds needed" in alone.reasons[0]
    assert judged(made(-0.3, 0.01, blocks=6, seeds=3), strong).outcome == "helps"


def test_under_drift_no_difference_is_not_stated_but_a_strong_one_stands():
    calm, drifting = made(0.0, 0.01), made(0.0, 0.01, drift=0.31)
    assert judged(calm, calm).outcome == "no difference found"
    found = judged(drifting, calm)
    assert (found.outcome, found.causes[0]) == ("not decidable with this test set", "drift")
    strong = judged(made(-0.1, 0.03, drift=0.5), made(-0.1, 0.03))
    assert strong.outcome == "helps"
    assert "drift" in strong.causes


def test_no_answer_contradicts_its_interval():
    """One-sided p is below 5 %, and the two-sided interval reaches zero."""
    close = made(-0.05, 0.055)
    assert close.p_better < 0.05
    assert judged(close, close).outcome == "not decidable with this test set"
    assert judged(made(-0.3, 0.01), close).outcome != "helps"
    assert judged(close, made(-0.3, 0.01)).outcome != "helps"
    assert judged(made(0.05, 0.055), close).outcome == "not decidable with this test set"


def test_the_whole_family_counts():
    clear, none = made(-0.10, 0.07), made(0.0, 0.2)
    assert judged(clear, clear).outcome == "helps"
    family = verdicts({"eca": (clear, clear), **{str(k): (none, none) for k in range(20)}})
    assert family["eca"].p_helps == pytest.approx(21 * clear.p_better)
    assert family["eca"].outcome != "helps"


def test_small_effects_and_a_validation_that_disagrees_are_said():
    found = judged(made(-0.02, 0.01), made(-0.02, 0.01), validation={"eca": 0.013})
    assert found.outcome == "helps"
    assert "small" in found.causes
    assert any("validation part the effect was +1.3 %, the other way" in reason for reason in found.reasons)
    agrees = judged(made(-0.02, 0.01), made(-0.02, 0.01), validation={"eca": -0.013})
    assert "validation" not in agrees.causes


def test_every_verdict_says_what_it_covers_and_reads_as_one_sentence():
    found = judged(made(-0.10, 0.03), made(-0.08, 0.03))
    assert found.outcome in OUTCOMES
    assert len(found.causes) == len(found.reasons)
    assert found.reasons[-1].startswith("The claim covers this training set and this test span of 1000 origins")
    assert str(found).startswith("helps: It beats none")


def test_a_test_span_without_blocks_is_not_decidable():
    b = np.random.default_rng(0).chisquare(4, (3, 100))
    found = contrast(0.5 * b, b, horizon=96)
    assert verdicts({"a": (found, found)})["a"].outcome == "not decidable with this test set"


def test_holm_agrees_with_statsmodels():
    rng = np.random.default_rng(0)
    for p in (rng.random(7) ** 3, np.array([0.01, 0.01, 0.5]), np.array([1.0]), np.array([0.0, 1.0])):
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-14)
    assert holm([]).shape == (0,)


def test_numbers_that_are_no_p_values_or_margins_are_refused():
    c = made(0.0, 0.1)
    with pytest.raises(OptionError, match="between 0 and 1"):
        holm([0.2, math.nan])
    with pytest.raises(OptionError, match="between 0 and 1"):
        verdict(c, c, p_adjusted=1.2)
    with pytest.raises(OptionError, match="margin above 0"):
        verdict(c, c, p_adjusted=0.5, margin=0)
