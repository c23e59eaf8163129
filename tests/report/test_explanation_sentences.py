"""Whatever a verdict, a model's worth and its notes say in English is said in Chinese on a Chinese page."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heedful.explaining import verdict as room
from heedful.explaining import worth
from heedful.explaining.verdict import verdict
from heedful.explanation import truth
from heedful.explanation.controls import MAGNITUDE, OTHER, PERMUTED, RECENCY, SMOOTH
from heedful.explanation.readings import WITHOUT
from heedful.explanation.result import Explanation
from heedful.explanation.sanity import Sanity
from heedful.explanation.truth import Truth, judge
from heedful.explanation.usage import Usage
from heedful.report.explanation import sentences
from heedful.report.language import language
from report.made_explanations import forecast, gains, signals, usage

SAY = language("zh")
FORECAST, SIGNALS = forecast(windows=12), signals(windows=8, length=256)
TRUE = forecast(windows=12, true=True)
NAMES = r"[a-z]+\.attention|pool|gate|performer|mixer|--retrain|RMSE|load"
"""What has no Chinese name: places in a network, columns, options, and the names of measures."""
FEW = (0.2, 0.21, 0.19, 0.2, 0.2)
Form = tuple[Explanation, bool | None, bool | None]


def judged(mean: float = 0.2, *, failing: tuple[str, ...] = (), groups: int = 8, among: str = SMOOTH) -> Truth:
    """A verdict on a map that fails beside some controls."""
    rows = [replace(row, low=-1.0) if row.control in failing else row for row in gains(mean, groups=groups)]
    return judge([replace(row, control=among) if row.control == SMOOTH else row for row in rows])


def used(moved: float, *, loss: float | None = None, mean: float | None = None, groups: int = 8) -> Usage:
    """Weights whose change moves the answers so far; the loss is unknown where it is not told."""
    found = usage(moved)
    rows = tuple(
        replace(
            row,
            loss=np.nan if loss is None else loss,
            loss_low=np.nan if loss is None else loss / 2,
            loss_high=np.nan if loss is None else 2 * loss,
            moved_low=np.nan if groups < 5 else mean if mean is not None and row.way == "mean" else row.moved_low,
            moved_high=mean if mean is not None and row.way == "mean" else row.moved_high,
        )
        for row in found.rows
    )
    return replace(found, rows=rows, loss=np.nan if loss is None else 0.3)


def sane(check: Any, passed: bool | None, spread: float = 0.3) -> Explanation:
    """An explanation with one check against other networks."""
    among = np.full((3, 3), spread)
    each = np.array([0.1, 0.3, 0.2])
    one = Sanity(check=check, map="decoder.attention", each=each, among=among, margin=0.15, passed=passed)
    return replace(FORECAST, sanity=(one,))


def true(one: Truth, name: str = TRUE.chosen, **more: Any) -> Explanation:
    """An explanation whose attention map is chosen, with this verdict on it."""
    return replace(TRUE, truths={name: one}, **more)


def needed(plain: tuple[float, ...], uniform: tuple[float, ...]) -> Explanation:
    return replace(FORECAST, needed={"as it is": plain, "uniform weights": uniform})


def unchosen(**more: Any) -> Explanation:
    """An explanation whose attention map is true and yet not shown."""
    return replace(FORECAST, truths={name: judged() for name in FORECAST.truths}, **more)


def untested(*why: str) -> Explanation:
    looks = tuple(replace(FORECAST.looks[2], name=f"mixer.attention{n}", why=one) for n, one in enumerate(why))
    return replace(FORECAST, truths={}, looks=looks)


FORMS: dict[str, Form] = {
    "as it should be": (TRUE, True, True),
    "does not predict": (TRUE, False, True),
    "was trained on": (TRUE, None, False),
    "usage unknown": (replace(FORECAST, usage=None), True, True),
    "used, forecasts": (replace(FORECAST, usage=used(0.3, loss=0.2)), True, True),
    "used, forecasts without truths": (replace(FORECAST, usage=used(0.3)), True, True),
    "used, classes": (replace(SIGNALS, usage=used(0.3, loss=0.2)), True, None),
    "used, classes without labels": (replace(SIGNALS, usage=used(0.3)), None, None),
    "not used": (replace(FORECAST, usage=used(0.001, loss=0.0)), True, True),
    "used, too few groups": (replace(FORECAST, usage=used(0.3, groups=3)), True, True),
    "used, no uniform weights": (replace(FORECAST, usage=Usage(rows=(), loss=0.3)), True, True),
    "used, the same everywhere": (replace(FORECAST, usage=used(0.3, mean=0.0)), True, True),
    "needed": (needed(FEW, (0.4, 0.5, 0.4, 0.5, 0.4)), True, True),
    "not needed": (needed(FEW, FEW), True, True),
    "perhaps needed": (needed(FEW, (0.1, 0.5, 0.1, 0.5, 0.1)), True, True),
    "needed, two of each": (needed(FEW[:2], FEW[:2]), True, True),
    "needed, one of each": (needed(FEW[:1], FEW[:1]), True, True),
    "true": (true(judged()), True, True),
    "true, but in general": (true(judged(failing=(OTHER,))), True, True),
    "true, newest rows do as well": (true(judged(failing=(RECENCY,))), True, True),
    "true, large values do as well": (true(judged(failing=(MAGNITUDE,))), True, True),
    "true, both do as well": (true(judged(failing=(MAGNITUDE, RECENCY))), True, True),
    "true channels": (true(judged(among=PERMUTED), "gate, channels"), True, True),
    "true, pushed": (true(judged(), f"{TRUE.chosen}, pushed to the input"), True, True),
    "true, by values": (true(judged(), f"{TRUE.chosen}, by values"), True, True),
    "untrue": (replace(FORECAST, truths={"decoder.attention": judged(-0.2)}), True, True),
    "untrue channels": (replace(FORECAST, truths={"gate, channels": judged(-0.2, among=PERMUTED)}), True, True),
    "too few groups": (replace(FORECAST, truths={"decoder.attention": judged(groups=3)}), True, True),
    "nothing tested": (untested(*(f"it forms no weights: {why}" for why in WITHOUT.values())), True, True),
    "nothing that stands over time": (untested(), True, True),
    "true but not used": (unchosen(usage=used(0.001, loss=0.0)), True, True),
    "true, and nobody knows whether it is used": (unchosen(usage=None), True, True),
    "occlusion neither": (replace(FORECAST, truths={name: judged(-0.2) for name in FORECAST.truths}), True, True),
    **{
        f"{check}: {passed}, {spread}": (sane(check, passed, spread), True, True)
        for check in ("untrained", "labels", "seeds")
        for passed in (True, False, None)
        for spread in (0.3, np.nan)
    },
}


def lines(form: Form) -> tuple[str, ...]:
    made, predicts, held_out = form
    return verdict(made, predicts=predicts, held_out=held_out)


def english(text: str) -> str:
    """What is left of English words that a Chinese reader cannot be expected to know."""
    return " ".join(re.findall(r"[A-Za-z]{2,}", re.sub(NAMES, "", text)))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_the_verdict_is_said_in_chinese(form: Form) -> None:
    for line in lines(form):
        told = sentences.told(line.strip(), SAY)
        assert not english(told), f"{line!r} is said as {told!r}"


def pieces(*sources: Any) -> list[str]:
    """What stands written in the sources and reads like a part of a sentence, in small letters."""
    found = []
    for source in sources:
        tree = ast.parse(textwrap.dedent(inspect.getsource(source)))
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # what is said of the code
        found += [
            node.value.strip(" .").lower()
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in told
            and len(node.value.split()) > 1
        ]
    return found


def sanity_line() -> Callable[..., str]:
    getter = Sanity.line.fget
    assert getter is not None
    return getter


def test_these_are_all_forms_that_there_are() -> None:
    said = " ".join(line.lower() for form in FORMS.values() for line in lines(form))
    judging = [one for name, one in vars(truth).items() if name == "_why"]
    names = {"as it is", "uniform weights", "integrated gradients"}  # keys of what was found
    wanted = [one for one in pieces(room, sanity_line(), *judging) if one not in names]
    assert len(wanted) > 30
    assert not [one for one in wanted if one not in said]


def worths() -> list[str]:
    """All that is said of what a network is worth."""
    groups, two = np.arange(12), ("load", "wind")
    values = np.random.default_rng(0).normal(size=(12, 3, 2))
    newest, still = values[:, :1] + 0.5, values * np.array([1.0, 0.0])
    chance = values.copy()
    chance[0] += 1.9  # one group is forecast badly, the others without error
    codes, numbers = groups % 2, np.arange(12.0)
    found = [
        worth.of_forecasts(values[..., :1] + 0.1, values[..., :1], newest[..., :1], groups, ("load",)),
        worth.of_forecasts(values + 0.1, values, newest, groups, two),
        worth.of_forecasts(still, still, 0 * newest, groups, two),
        worth.of_forecasts(chance, values, newest, groups, two),
        worth.of_forecasts(values, np.full_like(values, np.nan), newest, groups, two),
        worth.of_classes(codes, codes, groups, two),
        worth.of_classes(codes, np.zeros(12, dtype=int), groups, two),
        worth.of_classes(codes, np.full(12, -1), groups, two),
        worth.of_numbers(numbers + 0.1, numbers, groups),
        worth.of_numbers(numbers, np.full(12, np.nan), groups),
    ]
    return [line for one in found for line in one.lines]


@pytest.mark.parametrize("line", dict.fromkeys(worths()))
def test_what_a_network_is_worth_is_said_in_chinese(line: str) -> None:
    told = sentences.told(line, SAY)
    assert not english(told.replace("wind", "")), f"{line!r} is said as {told!r}"


def test_these_are_all_that_is_said_of_what_a_network_is_worth() -> None:
    said = " ".join(worths()).lower()
    wanted = pieces(worth)
    assert len(wanted) > 10
    assert not [one for one in wanted if one not in said]


def test_numbers_of_an_untrue_map_are_left_to_its_picture_and_table() -> None:
    line = (
        "True: no, a.b: no better than smooth random maps in deletion by line -0.00 (-0.04 to +0.03), "
        "insertion by zero +0.01 (-0.01 to +0.02)."
    )
    told = "True: no, a.b: no better than smooth random maps in deletion by line, insertion by zero."
    assert sentences.told(line, language("en")) == told
    assert not re.search(r"\d", sentences.told(line, SAY))


def test_brackets_without_a_reason_are_no_sentence() -> None:
    [line] = [line for line in lines(FORMS["nothing that stands over time"]) if line.startswith("True")]
    assert sentences.told(line, language("en")).endswith("over samples or channels.")
