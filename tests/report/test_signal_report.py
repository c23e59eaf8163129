"""The page of a classification: complete in every shape that a result can have, honest about leaks, and offline."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from heedful.data.recordings import Check
from heedful.errors import DataError, UnknownName
from heedful.report.language import language
from heedful.report.signals import render, write_report
from heedful.report.signals.strips import ROWS, fold_views
from heedful.report.signals.view import page_data
from heedful.report.signals.words import verdict
from heedful.signals import baselines
from heedful.signals.result import Classification
from heedful.trial.family import Question

ASKED = Question(
    attention="eca", backbone="wdcnn", arm="wdcnn+eca", none=("wdcnn",), placebo="wdcnn+eca+placebo", wide="wdcnn"
)
Make = Callable[..., Classification]


@pytest.fixture
def make(classification: Make) -> Make:
    """Maker of classifications."""
    return classification


class Reader(HTMLParser):
    """Collects the words that a page shows, what it would load, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._quiet = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.loads += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "data", "action"}]
        self._quiet += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def own(html: str) -> str:
    """The page without plotly's own script."""
    return html.replace(get_plotlyjs(), "")


def read(result: Classification, language: str = "en") -> str:
    return Reader(own(render(result, language))).text


def figures(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    assert found
    drawn: dict[str, Any] = json.loads(found.group(1))["figures"]
    return drawn


SHAPES: dict[str, dict[str, Any]] = {
    "one fold": {},
    "five folds": {"folds": 4, "groups": 5},
    "two classes": {"classes": 2},
    "thirty classes": {"classes": 30, "groups": 3},
    "three channels": {"channels": 3},
    "twelve channels, unequal, whole": {"channels": 12, "uneven": True, "window": None, "rate": None},
    "random windows": {"split": "random-windows"},
    "in time": {"split": "time"},
    "no validation": {"sizes": (0.7, 0.0, 0.3)},
    "baselines only": {"nets": {}},
    "a trial": {
        "nets": dict.fromkeys(ASKED.arms, 0.6),
        "asked": (ASKED,),
        "folds": 3,
        "seeds": 3,
    },
    "one seed": {"seeds": 1},
    "a regression": {"classes": 0, "groups": 12},
    "a regression with folds": {"classes": 0, "groups": 12, "folds": 3, "nets": {"wdcnn": 0.5}},
}


@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
def test_every_shape_of_result_has_a_whole_page_in_both_languages(options: dict[str, Any], make: Make) -> None:
    result = make(check=True, **options)
    for name in ("en", "zh"):
        html = render(result, name)
        reader = Reader(own(html))
        assert [load for load in reader.loads if not load.startswith(("#", "data:"))] == []
        ids = {attrs.get("id") for _, attrs in reader.tags}
        assert {f"plot-{one}" for one in figures(html)} <= ids
        assert {load[1:] for load in reader.loads if load.startswith("#")} <= ids
        assert "nan" not in reader.text.lower().split()
        assert not re.search(r"https?:|//cdn|@import|url\(", own(html))


# --- the verdict, and what must be known before it --------------------------------------------------------------


def test_the_verdict_measures_the_best_network_by_the_best_baseline(make: Make) -> None:
    said = verdict(page_data(make(nets={"wdcnn": 0.95})))
    assert re.match(
        r"wdcnn: Macro-F1 0\.\d{3} ± 0\.\d{3}, better than the best baseline, \w+, with Macro-F1 0\.\d", said
    )
    said = verdict(page_data(make(nets={"wdcnn": 0.0})))
    assert said.startswith("No network beats the best baseline")
    assert "is no clear gain over always saying the commonest class" in said


def test_a_gain_inside_the_spread_over_seeds_is_no_evidence(make: Make) -> None:
    result = make(nets={"wdcnn": 0.95}, seeds=3)
    assert "no evidence" not in verdict(page_data(result))
    result.summary.loc["wdcnn", "macro_f1_std"] = 0.9
    assert "The difference is smaller than the spread over seeds (± 0.900)" in verdict(page_data(result))


def test_a_run_that_ended_before_its_networks_says_so(make: Make) -> None:
    result = replace(make(nets={}), finished=False, models=make().models)
    text = read(result)
    assert "No network was compared. Best baseline:" in text
    assert "not run: wdcnn, wdcnn+eca" in text


def test_a_run_that_ended_in_the_middle_of_its_folds_has_a_page(make: Make) -> None:
    whole = make(folds=3)
    early = replace(whole, trials=whole.trials[:2], finished=False)
    assert "stopped before it was finished" in read(early)


def test_a_leak_is_told_beside_the_name_and_below_the_verdict(make: Make) -> None:
    html = own(render(make(split="random-windows", check=True)))
    text = Reader(html).text
    assert text.index("LEAKY SPLIT") < text.index("LEAKY split: windows of one recording") < text.index("What was read")
    assert "LEAKY" not in read(make(check=True))


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_what_the_checks_found_stands_above_the_facts(severity: str, make: Make) -> None:
    found = Check(kind="groups", severity=severity, text="something is wrong.", advice="Mend it.", count=1)
    note = Check(kind="intervals", severity="note", text="nothing overlaps.")
    text = read(replace(make(), checks=(found, note)))
    assert text.index("something is wrong. Mend it.") < text.index("What was read") < text.index("nothing overlaps.")


def test_a_class_with_one_group_is_told_to_measure_recordings(make: Make) -> None:
    result = make()
    [fold] = result.folds
    alone = replace(fold, parts=replace(fold.parts, in_time=("class 1",)))
    assert "class 1: one group only, so this class is split in time" in read(replace(result, folds=(alone,)))
    assert "one group only" not in read(result)


def test_a_network_that_did_not_train_is_named_and_the_others_keep_their_page(make: Make) -> None:
    result = make()
    lost = [
        replace(one, test=np.full_like(one.test, np.nan)) if (one.model, one.seed) == ("wdcnn", 1) else one
        for one in result.trials
    ]
    text = read(replace(result, trials=tuple(lost)))
    assert "Did not train, what it says is not a number: wdcnn (1)." in text
    assert "Did not train" not in read(result)


def test_a_page_of_networks_that_all_diverged_has_no_score_but_stands(make: Make) -> None:
    for options in ({"nets": {"wdcnn": 0.6}}, {"nets": {"wdcnn": 0.6}, "classes": 0, "groups": 12, "folds": 3}):
        result = make(**options)
        lost = [one if one.seed is None else replace(one, test=np.full_like(one.test, np.nan)) for one in result.trials]
        text = read(replace(result, trials=tuple(lost)))
        assert "No network beats the best baseline" in text
        assert "wdcnn (0), wdcnn (1)" in text


def test_attentions_asked_about_before_are_named_since_they_count(answered: Classification) -> None:
    assert "counted in the correction of the p values: wdcnn+se" in read(replace(answered, earlier=("wdcnn+se",)))
    assert "counted in the correction" not in read(answered)


# --- what was read ----------------------------------------------------------------------------------------------


def test_of_many_recordings_every_class_shows_some_and_the_page_says_how_many(make: Make) -> None:
    result = make(classes=7, groups=8)
    [view] = fold_views(result, language("en"))
    assert sum(len(band.strips) for band in view.bands) == ROWS < len(result.recordings)
    assert {len(band.strips) for band in view.bands} <= {ROWS // 7, ROWS // 7 + 1}
    assert f"{ROWS} of 112 recordings are drawn" in read(result)


def test_every_fold_has_its_own_strips_and_the_first_is_shown(make: Make) -> None:
    reader = Reader(own(render(make(folds=3))))
    panes = [attrs for _, attrs in reader.tags if "data-at" in attrs]
    assert [("hidden" in pane, pane["data-at"]) for pane in panes] == [(False, "0"), (True, "1"), (True, "2")]


# --- numbers ----------------------------------------------------------------------------------------------------


def test_the_table_has_every_model_best_first_and_marks_baselines(make: Make) -> None:
    result = make()
    html = own(render(result))
    rows = [attrs["data-v"] for tag, attrs in Reader(html).tags if tag == "th" and "data-v" in attrs]
    assert rows == list(result.summary.index)
    assert html.count('<span class="tag">baseline</span>') == 3


def test_the_best_network_and_the_best_baseline_show_their_mistakes_first(make: Make) -> None:
    result = make()
    panes = {a["data-for"]: "hidden" in a for _, a in Reader(own(render(result))).tags if "data-for" in a}
    assert set(panes) == set(result.summary.index)
    kinds = [result.models[name].kind for name, hidden in panes.items() if not hidden]
    assert sorted(kinds) == ["baseline", "preset"]
    z = figures(render(result))["mistakes-0"]["data"][0]
    assert z["type"] == "heatmap"


def test_scores_fold_by_fold_stand_only_where_there_are_folds(make: Make) -> None:
    assert "fold by fold" not in read(make())
    text = read(make(folds=3))
    assert "Macro-F1, fold by fold" in text
    assert "fold 3 of 3" in text


def test_a_regression_has_points_in_place_of_classes(make: Make) -> None:
    result = make(classes=0, groups=12)
    html = render(result)
    text = Reader(own(html)).text
    for word in ("Precision", "AUROC", "Recording by recording", "Is its confidence honest?"):
        assert word not in text
    assert "RMSE" in text
    assert "R²" in text
    assert figures(html)["mistakes-0"]["data"][1]["type"] == "scattergl"


# --- the trial of attention, and what it looks at ---------------------------------------------------------------


def test_the_answer_is_in_points_over_seeds_and_groups(answered: Classification) -> None:
    result = answered
    text = read(result)
    one = result.answers[0].against_none
    told = f"wdcnn+eca against none −{abs(100 * one.effect):.1f} points"
    assert text.index(f"On these recordings attention helps: {told}") < text.index("What was read")
    assert "(3 seeds x 12 groups)" in text
    assert "Diebold" not in text
    assert "blocks of time" not in text
    assert "groups count as independent of each other" in text


def test_the_answer_is_chinese_where_the_page_is(answered: Classification) -> None:
    text = read(answered, "zh")
    assert "在这些录制上，注意力有帮助：wdcnn+eca 对无注意力 −" in text
    assert "个百分点" in text
    assert "3 个种子 × 12 个组" in text


def test_maps_are_said_not_to_be_tested_and_what_a_weight_covers(make: Make) -> None:
    text = read(make(window=None, uneven=True, nets={"wdcnn+eca": 0.9}))
    assert "not tested for truth yet" in text
    assert "10 weights cover the longest window, 12 samples (0.12 s) each" in text


# --- the page itself --------------------------------------------------------------------------------------------


def test_names_with_markup_are_shown_and_never_run(make: Make) -> None:
    html = own(render(make(named="</script><img src=x onerror=alert({})>")))
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_a_long_name_of_a_class_is_not_cut(make: Make) -> None:
    long = "the outer race of the bearing at the drive end, orthogonal to the load zone, {}"
    text = read(make(named=long))
    assert text.count(long.format(1)) >= 3


def test_long_names_stand_whole_beside_a_matrix_and_by_number_below_it(make: Make) -> None:
    axes = figures(render(make(named="the outer race at the drive end, orthogonal to the load zone {}")))["mistakes-0"][
        "layout"
    ]
    assert axes["xaxis"]["ticktext"] == ["<b>1</b>", "<b>2</b>", "<b>3</b>"]
    names = [re.sub("<[^>]*>", " ", name) for name in axes["yaxis"]["ticktext"]]
    assert " ".join(names[1].split()) == "the outer race at the drive end, orthogonal to the load zone 1 2"
    assert figures(render(make()))["mistakes-0"]["layout"]["xaxis"]["ticktext"] == ["class 0", "class 1", "class 2"]


def test_the_chinese_page_is_chinese_but_for_names(make: Make) -> None:
    for options in (
        {"check": True},
        {"folds": 3},
        {"classes": 0, "groups": 12},
        {"split": "random-windows", "check": True},
    ):
        result = make(named="{}", **options)
        text = read(replace(result, models={k: replace(v, summary="") for k, v in result.models.items()}), "zh")
        text = text.split("如何复现")[-2]
        assert set(re.findall(r"[A-Za-z]{3,}", text)) <= WORDS, options


WORDS = {"Heedful", "AUROC", "ECE", "MAE", "RMSE", "noise", "wdcnn", "eca", "csv", "votes", "pool", "gate", "fold"}
WORDS |= {"majority", "rms_forest", "spectrum_linear", "rms", "forest", "spectrum", "linear", "channel"}


@pytest.mark.parametrize("text", baselines.SUMMARIES.values())
def test_baselines_are_described_in_chinese(text: str) -> None:
    assert language("zh").sentence(text) != text


def test_how_to_repeat_it_shows_command_versions_and_fingerprint(make: Make) -> None:
    text = read(make())
    for part in ("heedful.classify", "torch 2.13.0", "0123abcd"):
        assert part in text


def test_the_report_is_written_where_asked(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "report.html"
    assert write_report(make(), path) == path
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]


def test_nothing_is_written_of_a_result_without_trials_or_in_an_unknown_language(tmp_path: Path, make: Make) -> None:
    with pytest.raises(DataError, match="Let the classification run longer"):
        write_report(replace(make(), trials=()), tmp_path / "report.html")
    with pytest.raises(UnknownName, match="Unknown language 'de'"):
        write_report(make(), tmp_path / "report.html", "de")
    assert list(tmp_path.iterdir()) == []
