"""Second opinions on the page: folded away, named as such, and saying what the answer rests on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from heedful.report import page
from heedful.report.answers import rows
from heedful.report.language import language
from heedful.report.second import second
from heedful.trial.result import Comparison
from heedful.trial.second import Opinions

Make = Callable[..., Comparison]
ENGLISH, CHINESE = language("en"), language("zh")


@pytest.fixture
def found(trial: Make) -> Opinions:
    return trial(rows=3000, maps=False).opinions


def test_every_control_has_a_row_and_the_best_of_all_its_sentences(found: Opinions) -> None:
    shown = second(found, ENGLISH)
    assert [(row.arm, row.control) for row in shown.rows] == [("cnn-lstm+eca", "none"), ("cnn-lstm+eca", "placebo")]
    assert shown.rows[0].nets == f"{found.each[0].better}, {found.each[0].worse} of 3"
    text = " ".join(shown.lines)
    assert "Model confidence set, 90 %: 1 of 4 networks" in text
    assert "none of 4 networks beats persistence" in text
    assert "cnn-lstm+eca does not beat cnn-lstm: p = " in text
    assert "blocks of" in text


def test_where_tests_differ_the_page_says_which_one_decides(found: Opinions) -> None:
    first = replace(found.each[0], blocks=replace(found.each[0].blocks, p=0.4))
    assert first.by_nets == "worse"
    shown = second(replace(found, each=(first, *found.each[1:])), ENGLISH)
    assert not shown.rows[0].agrees
    assert "cnn-lstm+eca against none (most nets worse, the blocks no difference)" in shown.lines[0]
    assert "the answer rests on the blocks" in shown.lines[1]
    assert "overlap" in shown.lines[1] or "share steps" in shown.lines[1]
    chinese = second(replace(found, each=(first, *found.each[1:])), CHINESE)
    assert "cnn-lstm+eca 对无注意力（多数网络：更差；时间块：无差异）" in chinese.lines[0]


def test_what_was_not_computed_says_why_in_both_languages(found: Opinions) -> None:
    reason = "The model confidence set needs a test span of 6 blocks of 24 origins, got 60 origins."
    none = replace(found, best=None, reason=reason)
    assert second(none, ENGLISH).lines[-1] == f"Not computed: {reason}"
    assert second(none, CHINESE).lines[-1].startswith("未能计算：模型置信集需要至少 6 个长度为 24 个起点")
    hansen = reason.replace("The model confidence set", "Hansen's test against persistence")
    told = second(replace(none, reason=hansen), CHINESE).lines[-1]
    assert told.startswith("未能计算：与 persistence 比较的 Hansen 检验需要至少 6 个长度为 24 个起点")


def test_they_are_folded_away_beneath_the_answers(trial: Make) -> None:
    html = page.render(trial())
    assert "<details><summary>Second opinions" in html
    assert html.index('id="answers"') < html.index("<details><summary>Second opinions") < html.index('id="scores"')
    assert "No answer rests on these" in html


def test_a_wide_control_that_is_none_is_said_in_its_cell(trial: Make) -> None:
    comparison = trial()
    [asked] = comparison.asked
    shared = replace(comparison, asked=(replace(asked, wide="cnn-lstm"),))
    assert "same net as none" not in page.render(comparison)
    assert page.render(shared).count("same net as none") == 2  # in the cell, and explained beneath the picture
    [row] = rows(shared.answers, CHINESE)
    assert row.same
    assert "与无注意力为同一网络" in page.render(shared, "zh")
