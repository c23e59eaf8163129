"""Every text of the report exists in every language, and no English is left where there is a translation."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

import heedful.report
from heedful import baselines
from heedful.errors import UnknownName
from heedful.report.language import language, languages, signed
from heedful.trial.effects import ASSUMED, NOT_CONCLUDED
from heedful.trial.result import Comparison

Make = Callable[..., Comparison]
FOLDER = Path(heedful.report.__file__).parent
OTHERS = [name for name in languages() if name != "en"]


def slots(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def keys(name: str) -> set[str]:
    return {key for key in language(name).texts if not key.endswith("_one") or key == "meanings.mase_one"}


@pytest.mark.parametrize("name", OTHERS)
def test_every_language_has_the_keys_of_english(name: str) -> None:
    assert keys(name) == keys("en")


@pytest.mark.parametrize("name", OTHERS)
def test_a_translation_fills_the_same_slots(name: str) -> None:
    english = language("en").texts
    for key, text in language(name).texts.items():
        assert slots(text) == slots(english[key]), key
    for pattern, translated in language(name).sentences:
        assert slots(translated) <= set(pattern.groupindex), translated


@pytest.mark.parametrize("name", OTHERS)
def test_no_text_of_a_translation_is_the_english_one(name: str) -> None:
    english = language("en").texts
    same = {key for key, text in language(name).texts.items() if text == english[key]}
    formulas = {f"columns.{key}" for key in ("mae", "rmse", "smape", "r2", "mase", "auroc", "ece")}
    assert same == formulas | {"column_units.smape", "axis.rmse"}


def test_an_unknown_language_is_answered_with_those_known() -> None:
    with pytest.raises(UnknownName, match=r"Unknown language 'zh-CN'. Did you mean 'zh'\? Known: en, zh"):
        language("zh-CN")


def test_every_key_that_is_asked_for_is_there_and_none_is_never_asked_for() -> None:
    sources = "".join(p.read_text(encoding="utf-8") for p in sorted(FOLDER.rglob("*")) if p.suffix in (".py", ".j2"))
    whole = set(re.findall(r'"([a-z_]+\.[a-z_0-9]+)"', sources))
    # Keys put together from a group and a name, such as say(f"columns.{key}").
    groups = set(re.findall(r'[f(]"([a-z_]+)\.(?:\{|" ~)', sources)) | set(re.findall(r'named\("([a-z_]+)"', sources))
    texts = language("en").texts
    asked = {key for key in whole if key.partition(".")[0] in {known.partition(".")[0] for known in texts}}
    assert asked <= set(texts)
    assert {
        key for key in texts if key.removesuffix("_one") not in asked and key.partition(".")[0] not in groups
    } == set()


@pytest.mark.parametrize("path", sorted((FOLDER / "templates").glob("*.html.j2")), ids=lambda path: path.name)
def test_templates_have_no_words_of_their_own(path: Path) -> None:
    source = re.sub(r"<style>.*?</style>", "", path.read_text(encoding="utf-8"), flags=re.S)
    # What is filled in may stand anywhere, also inside a tag: it counts as nothing.
    tree = jinja2.Environment().parse(source)
    literal = "".join(part.data for part in tree.find_all(jinja2.nodes.TemplateData))
    assert not re.findall(r'(?:title|alt|aria-label)="[^"]*[A-Za-z]{2}', literal)
    shown = re.sub(r"<[^<>]*>|&\w+;", " ", literal)
    assert re.findall(r"[A-Za-z]{2,}", shown) == []


def test_a_sentence_is_translated_with_its_numbers_and_true_minus_signs() -> None:
    say = language("zh")
    assert say.sentence("skill -0.100") == "技巧评分 −0.100"
    assert say.sentence("On the validation part the effect was -3.2 %, the other way.") == (
        "在验证集上效应为 −3.2%，方向相反。"
    )
    assert say.sentence("Nobody wrote this -1 down.") == "Nobody wrote this −1 down."


def test_hyphens_and_dates_are_no_minus_signs() -> None:
    assert signed("cnn-lstm-2 of 2021-03-14: skill -0.100, [-1, -.5]") == (
        "cnn-lstm-2 of 2021-03-14: skill −0.100, [−1, -.5]"
    )


def test_what_is_assumed_and_what_not_concluded_is_translated() -> None:
    for sentence in (*ASSUMED, *NOT_CONCLUDED, *baselines.SUMMARIES.values()):
        assert language("zh").sentence(sentence) != sentence


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"seeds": 1},
        {"networks": {f"poor_{i}": "preset" for i in range(5)}},
        {"networks": {f"poor_{i}": "preset" for i in range(8)}, "horizon": 3, "seeds": 1},
        {"rows": 120},
    ],
)
def test_every_finding_is_translated(make: Make, options: dict[str, object]) -> None:
    say = language("zh")
    for finding in make(**options).findings:
        if not finding.text.startswith("12 test values"):  # a note that the tests made up
            assert say.sentence(finding.text) != signed(finding.text)
        for _, detail in finding.models:
            assert not detail or say.sentence(detail) != signed(detail)
