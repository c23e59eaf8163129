"""Answers are told from their numbers in any language, and in their own words where a language has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from heedful.report import told
from heedful.report.language import language, signed
from heedful.trial.effects import Answer
from heedful.trial.family import Question
from heedful.trial.result import Comparison, ModelNote
from heedful.trial.statistics import Contrast
from heedful.trial.statistics.verdict import OUTCOMES, verdict

Make = Callable[..., Comparison]
ENGLISH, CHINESE = language("en"), language("zh")


def contrast(effect: float, reach: float = 0.01, *, seeds: int = 5, blocks: int = 12, drift: float = 0.0) -> Contrast:
    return Contrast(
        mean=effect,
        effect=effect,
        low=effect - reach,
        high=effect + reach,
        level=0.95,
        error=reach / 2,
        degrees=10.0,
        p=0.01,
        p_better=0.001 if effect < 0 else 0.999,
        seeds=seeds,
        blocks=blocks,
        origins=600,
        tau=1.0,
        block_means=(effect,) * blocks,
        drift=drift,
        detectable=0.043,
    )


def answer(
    none: Contrast,
    placebo: Contrast,
    arm: str = "net+eca",
    *,
    p: float = 0.002,
    mean: Contrast | None = None,
    trainings: int = 1,
) -> Answer:
    names = ("net", "net+mean") if mean else ("net",)
    asked = Question(attention="eca", backbone="net", arm=arm, none=names, placebo="placebo", wide="wide")
    nones = {"last state": none, "mean of all states": mean} if mean else {"none": none}
    hurts = max(1 - one.p_better for one in nones.values())
    judged = verdict(
        nones, placebo, p_adjusted=p, p_hurts_adjusted=hurts, validation=0.032, family=8, trainings=trainings
    )
    controls = dict(zip(names, nones.values(), strict=True)) | {"placebo": placebo, "wide": none}
    return Answer(question=asked, controls=controls, none=names[-1], verdict=judged)


BETTER, WORSE, SAME = contrast(-0.10), contrast(0.10), contrast(-0.001)
CASES = {
    "better": answer(BETTER, BETTER),
    "drift remark": answer(contrast(-0.10, drift=0.4), BETTER),
    "worse": answer(WORSE, WORSE, p=1.0),
    "small": answer(contrast(-0.03), BETTER),
    "same": answer(SAME, SAME, p=1.0),
    "same as one": answer(BETTER, BETTER, p=1.0, mean=SAME),
    "claim of several": answer(SAME, SAME, p=1.0, trainings=12),
    "few trainings": answer(SAME, SAME, p=1.0, trainings=4),
    "same as placebo": answer(BETTER, SAME, p=1.0),
    "drift": answer(contrast(-0.10, 0.3, drift=0.42), BETTER, p=1.0),
    "few blocks": answer(contrast(-0.1, blocks=4), contrast(-0.1, blocks=4)),
    "few seeds": answer(contrast(-0.1, seeds=2), contrast(-0.1, seeds=2)),
    "wide": answer(contrast(-0.1, 0.3), contrast(-0.1, 0.3), p=1.0),
}


@pytest.mark.parametrize("case", CASES)
def test_every_reason_has_its_chinese_sentence(case: str) -> None:
    one = CASES[case]
    assert one.verdict
    assert case.removesuffix(" remark") in one.verdict.causes
    for mine, own in zip(told.reasons(one, CHINESE), one.verdict.reasons, strict=True):
        assert not set("{}") & set(mine)
        assert mine != own
        assert mine.endswith("。")


def test_reasons_carry_the_numbers_of_the_contrasts() -> None:
    first, *_ = told.reasons(CASES["better"], CHINESE)
    assert first == "它胜过无注意力（−10.0% [−11.0, −9.0]）与安慰剂对照（−10.0% [−11.0, −9.0]），校正后 p = 0.002。"
    wide = CASES["wide"]
    assert wide.verdict
    assert f"{100 * wide.verdict.detectable:.1f}%" in told.reasons(wide, CHINESE)[0]
    assert "0.42" in told.reasons(CASES["drift"], CHINESE)[0]
    assert "+3.2%" in told.reasons(CASES["better"], CHINESE)[1]


def test_two_controls_without_attention_are_named_in_both_languages() -> None:
    one = answer(SAME, SAME, p=1.0, mean=contrast(0.002))
    assert told.none(one, ENGLISH) == "none (mean of all states)"
    assert told.none(one, CHINESE) == "无注意力（所有状态的均值）"
    assert told.none(CASES["same"], ENGLISH) == "none"
    text = told.reasons(one, CHINESE)[0]
    assert "与每一个无注意力对照相比" in text
    assert "末状态 −0.1% [−1.1, +0.9]；所有状态的均值 +0.2%" in text
    assert "last state −0.1 % [−1.1, +0.9]" in told.reasons(one, ENGLISH)[0]
    split = told.reasons(CASES["same as one"], CHINESE)[0]
    assert "（所有状态的均值 −0.1% [−1.1, +0.9]）" in split
    assert "（末状态 −10.0% [−11.0, −9.0]）" in split


def test_a_tiny_p_value_is_never_told_as_zero() -> None:
    one = answer(BETTER, BETTER, p=1e-7)
    for say in (ENGLISH, CHINESE):
        text = " ".join(told.reasons(one, say))
        assert "p < 0.001" in text
        assert "0.000" not in text


def test_every_outcome_has_a_chinese_word() -> None:
    shown = {told.outcome(one, CHINESE) for one in CASES.values()}
    assert shown == {CHINESE.told[f"outcomes.{outcome}"] for outcome in OUTCOMES}


def test_a_reason_that_is_new_to_a_language_stays_english() -> None:
    one = CASES["better"]
    assert one.verdict
    new = replace(one, verdict=replace(one.verdict, causes=("luck",), reasons=("It was luck, p = -1.",)))
    assert told.reasons(new, CHINESE) == ["It was luck, p = −1."]


def test_an_answer_without_placebo_gives_its_reason() -> None:
    one = replace(CASES["better"], verdict=None, reason="it forms no weights")
    assert told.reasons(one, ENGLISH) == ["It has no placebo: it forms no weights."]
    assert told.outcome(one, CHINESE) == "无安慰剂对照"


def test_english_reasons_are_those_of_the_verdict_with_true_minus_signs() -> None:
    one = CASES["better"]
    assert one.verdict
    assert told.reasons(one, ENGLISH) == [signed(reason) for reason in one.verdict.reasons]
    assert "(−10.0 % [−11.0, −9.0], 5 seeds x 12 blocks)" in told.reasons(one, ENGLISH)[0]


def test_the_headline_names_those_that_help_and_those_that_hurt() -> None:
    helping, hurting, rest = CASES["better"], answer(WORSE, WORSE, "net+se", p=1.0), CASES["wide"]
    text = told._headline((helping, hurting, rest), CHINESE)
    assert "注意力有帮助：net+eca 对无注意力 −10.0% [−11.0, −9.0]（5 个种子 × 12 个时间块）" in text
    assert text.endswith("共尝试 3 种：1 种有帮助；1 种凭此测试集无法判定；有害的是 net+se。")
    nothing = told._headline((hurting, rest), CHINESE)
    assert nothing.startswith(
        "在该序列上，没有注意力同时胜过无注意力对照与安慰剂对照；最接近的是 net+eca，对无注意力 −10.0%"
    )


def test_a_trial_is_answered_first_and_says_how_much_was_tried(trial: Make) -> None:
    comparison = trial()
    text = told.answered(comparison, CHINESE)
    assert text.startswith("在该序列上")
    assert text.endswith("共在验证集上试过 4 种设置（4 个试验组，每组 1 种学习率）。")
    assert told.answered(comparison, ENGLISH) == signed(comparison.findings[0].text)


def test_a_control_is_described_by_its_name_and_a_model_by_its_own_sentence() -> None:
    control = ModelNote(name="cnn-lstm+eca+placebo", kind="preset", summary="`cnn-lstm` with the gate `eca`.")
    assert told.about(control, CHINESE) == "`cnn-lstm+eca` 的安慰剂对照：注意力只看固定的参考，不看输入。"
    assert told.about(control, ENGLISH) == control.summary
    article = ModelNote(name="cnn_lstm", kind="published", summary="A sentence of its own.")
    assert told.about(article, CHINESE) == "A sentence of its own."
