"""The page of a classification: complete in every shape that a result can have, honest about leaks, and offline."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from heedful.data.recordings import Check, Cuts, Recording, Recordings
from heedful.errors import DataError, UnknownName
from heedful.report.language import language
from heedful.report.signals import render, write_report
from heedful.report.signals.confidence import confidence
from heedful.report.signals.examples import CHANNELS, examples, spectrum
from heedful.report.signals.figures.examples import envelope, peaks
from heedful.report.signals.looks import WINDOWS, looks
from heedful.report.signals.strips import ROWS, fold_views
from heedful.report.signals.tables import VOTES, votes
from heedful.report.signals.view import page_data
from heedful.report.signals.words import verdict
from heedful.signals import baselines
from heedful.signals.inputs import Cutting, checked
from heedful.signals.jobs import shown
from heedful.signals.result import Classification, Fold, SignalTrial
from heedful.train.fitted import Epoch
from heedful.trial.family import Question
from heedful.trial.result import ModelNote, RecordedMap

NETS = ("wdcnn", "wdcnn+eca")
ASKED = Question(
    attention="eca",
    backbone="wdcnn",
    arm="wdcnn+eca",
    none=("wdcnn",),
    placebo="wdcnn+eca+placebo",
    wide="wdcnn",
)


def make(
    *,
    classes: int = 3,
    groups: int = 4,
    length: int = 120,
    uneven: bool = False,
    channels: int = 1,
    rate: float | None = 100.0,
    window: int | None = 20,
    nets: dict[str, float] | None = None,
    seeds: int = 2,
    named: str = "class {}",
    asked: tuple[Question, ...] = (),
    check: bool = False,
    **cutting: Any,
) -> Classification:
    """Makes a classification (a regression for no classes) of noise; a network is right in so many of its windows."""
    rng = np.random.default_rng(5)
    items = []
    for number in range(max(1, classes) * groups * 2):
        label, group = number % max(1, classes), number // max(1, classes) // 2
        size = length - (3 * number if uneven else 0)
        items.append(
            Recording(
                name=f"r{number:03d}",
                values=rng.standard_normal((channels, size)),
                rate=rate,
                label=named.format(label) if classes else None,
                target=None if classes else float(number),
                group=f"g{label}-{group}",
                channels=tuple(f"channel {i}" for i in range(channels)),
            )
        )
    recordings = Recordings(
        items=tuple(items), name="noise", notes=("synthetic: 4 bearings of each of 3 classes, nothing was measured",)
    )
    way = Cutting(window=window, **{"folds": 1} | cutting)
    folds = way.lay(way.parts(recordings))
    known = dict.fromkeys(NETS, 0.6) if nets is None else nets
    trials = [_baseline(name, fold, rng) for name in baselines.SUMMARIES for fold in folds]
    trials += [
        _net(name, right, seed, fold, rng) for name, right in known.items() for seed in range(seeds) for fold in folds
    ]
    notes = {name: ModelNote(name=name, kind="baseline", summary=text) for name, text in baselines.SUMMARIES.items()}
    notes |= {name: ModelNote(name=name, kind="preset", summary="A network of the tests.") for name in known}
    return Classification(
        recordings=recordings,
        folds=folds,
        trials=tuple(trials),
        models=notes,
        checks=checked(folds) if check else (),
        asked=asked,
        notes=recordings.notes,
        run={"command": "heedful.classify", "data": {"fingerprint": "0123abcd"}, "versions": {"torch": "2.13.0"}},
    )


def _said(cuts: Cuts | None, right: float, rng: np.random.Generator) -> np.ndarray:
    if cuts is None:
        return np.empty((0, 1), np.float32)
    if not cuts.classes:
        return (cuts.targets + rng.standard_normal(len(cuts)) / right)[:, None].astype(np.float32)
    told = np.where(rng.random(len(cuts)) < right, cuts.labels, rng.integers(0, len(cuts.classes), len(cuts)))
    return (3 * np.eye(len(cuts.classes))[told] + rng.random((len(cuts), len(cuts.classes)))).astype(np.float32)


def _baseline(name: str, fold: Fold, rng: np.random.Generator) -> SignalTrial:
    validation, test = (_said(cuts, 0.3, rng) for cuts in (fold.validation, fold.test))
    return SignalTrial(model=name, seed=None, fold=fold.name, validation=validation, test=test, seconds=0.1)


def _net(name: str, right: float, seed: int, fold: Fold, rng: np.random.Generator) -> SignalTrial:
    count = len(shown(fold.test))
    weights = rng.random((count, 10))
    maps = (
        RecordedMap(name="pool", axes=("batch", "time"), weights=weights / weights.sum(1, keepdims=True), first=0),
        RecordedMap(name="gate", axes=("batch", "channel", "one"), weights=rng.random((count, 7, 1)), first=0),
    )
    return SignalTrial(
        model=name,
        seed=seed,
        fold=fold.name,
        validation=_said(fold.validation, right, rng),
        test=_said(fold.test, right, rng),
        temperature=1.5,
        history=tuple(Epoch(train=1 / e, validation=1.2 / e) for e in range(1, 5)),
        best_epoch=4,
        parameters=1234,
        seconds=2.0,
        milliseconds=1.0,
        maps=maps if "+" in name else (),
    )


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
        "nets": dict.fromkeys(("wdcnn", "wdcnn+eca", "wdcnn+eca+placebo"), 0.6),
        "asked": (ASKED,),
        "folds": 3,
        "seeds": 3,
    },
    "one seed": {"seeds": 1},
    "a regression": {"classes": 0, "groups": 12},
    "a regression with folds": {"classes": 0, "groups": 12, "folds": 3, "nets": {"wdcnn": 0.5}},
}


@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
def test_every_shape_of_result_has_a_whole_page_in_both_languages(options: dict[str, Any]) -> None:
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


def test_the_verdict_measures_the_best_network_by_the_best_baseline() -> None:
    said = verdict(page_data(make(nets={"wdcnn": 0.95})))
    assert re.match(
        r"wdcnn: Macro-F1 0\.\d{3} ± 0\.\d{3}, better than the best baseline, \w+, with Macro-F1 0\.\d", said
    )
    said = verdict(page_data(make(nets={"wdcnn": 0.0})))
    assert said.startswith("No network beats the best baseline")
    assert "is no clear gain over always saying the commonest class" in said


def test_a_gain_inside_the_spread_over_seeds_is_no_evidence() -> None:
    result = make(nets={"wdcnn": 0.95}, seeds=3)
    assert "no evidence" not in verdict(page_data(result))
    result.summary.loc["wdcnn", "macro_f1_std"] = 0.9
    assert "The difference is smaller than the spread over seeds (± 0.900)" in verdict(page_data(result))


def test_a_run_that_ended_before_its_networks_says_so() -> None:
    result = replace(make(nets={}), finished=False, models=make().models)
    text = read(result)
    assert "No network was compared. Best baseline:" in text
    assert "not run: wdcnn, wdcnn+eca" in text


def test_a_run_that_ended_in_the_middle_of_its_folds_has_a_page() -> None:
    whole = make(folds=3)
    early = replace(whole, trials=whole.trials[:2], finished=False)
    assert "stopped before it was finished" in read(early)


def test_a_leak_is_told_beside_the_name_and_below_the_verdict() -> None:
    html = own(render(make(split="random-windows", check=True)))
    text = Reader(html).text
    assert text.index("LEAKY SPLIT") < text.index("LEAKY split: windows of one recording") < text.index("What was read")
    assert "LEAKY" not in read(make(check=True))


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_what_the_checks_found_stands_above_the_facts(severity: str) -> None:
    found = Check(kind="groups", severity=severity, text="something is wrong.", advice="Mend it.", count=1)
    note = Check(kind="intervals", severity="note", text="nothing overlaps.")
    text = read(replace(make(), checks=(found, note)))
    assert text.index("something is wrong. Mend it.") < text.index("What was read") < text.index("nothing overlaps.")


def test_a_class_with_one_group_is_told_to_measure_recordings() -> None:
    result = make()
    [fold] = result.folds
    alone = replace(fold, parts=replace(fold.parts, in_time=("class 1",)))
    assert "class 1: one group only, so this class is split in time" in read(replace(result, folds=(alone,)))
    assert "one group only" not in read(result)


def test_a_network_that_did_not_train_is_named_and_the_others_keep_their_page() -> None:
    result = make()
    lost = [
        replace(one, test=np.full_like(one.test, np.nan)) if (one.model, one.seed) == ("wdcnn", 1) else one
        for one in result.trials
    ]
    text = read(replace(result, trials=tuple(lost)))
    assert "Did not train, what it says is not a number: wdcnn (1)." in text
    assert "Did not train" not in read(result)


# --- what was read ----------------------------------------------------------------------------------------------


def test_strips_cover_what_windows_cover_and_nothing_else() -> None:
    result = make(split="time", window=10)
    [view] = fold_views(result, language("en"))
    strip = view.bands[0].strips[0]
    assert [part for part, *_ in strip.pieces] == [0, 1, 2]
    [fold] = result.folds
    for (part, start, width), cuts in zip(strip.pieces, (fold.train, fold.validation, fold.test), strict=True):
        assert cuts is not None
        mine = cuts.starts[cuts.starts[:, 0] == 0, 1]
        assert start == pytest.approx(100 * mine.min() / 120), part
        assert start + width == pytest.approx(100 * (mine.max() + 10) / 120), part


def test_of_many_recordings_every_class_shows_some_and_the_page_says_how_many() -> None:
    result = make(classes=7, groups=8)
    [view] = fold_views(result, language("en"))
    assert sum(len(band.strips) for band in view.bands) == ROWS < len(result.recordings)
    assert {len(band.strips) for band in view.bands} <= {ROWS // 7, ROWS // 7 + 1}
    assert f"{ROWS} of 112 recordings are drawn" in read(result)


def test_every_fold_has_its_own_strips_and_the_first_is_shown() -> None:
    reader = Reader(own(render(make(folds=3))))
    panes = [attrs for _, attrs in reader.tags if "data-at" in attrs]
    assert [("hidden" in pane, pane["data-at"]) for pane in panes] == [(False, "0"), (True, "1"), (True, "2")]


def test_an_example_is_what_was_measured_without_its_padding() -> None:
    result = make(window=None, uneven=True, channels=5)
    for one in examples(result):
        recording = next(r for r in result.recordings.items if r.name == one.recording)
        np.testing.assert_allclose(one.x, recording.read(0, len(recording)), rtol=1e-6)
    drawn = figures(render(result))["example-0"]
    assert len(drawn["data"]) == 2 * CHANNELS
    assert drawn["layout"]["xaxis2"]["title"]["text"] == "Hz"
    drawn = figures(render(make(rate=None)))["example-0"]
    assert drawn["layout"]["xaxis2"]["title"]["text"] == "cycles a sample"


def test_a_tone_stands_at_its_own_frequency_with_its_own_amplitude() -> None:
    one = examples(make(length=400, window=200, rate=1000.0))[0]
    tone = 3 * np.sin(2 * np.pi * 50 * np.arange(200) / 1000)[:, None] + 7
    lines, amplitudes = spectrum(replace(one, x=tone))
    assert lines[amplitudes[:, 0].argmax()] == pytest.approx(50)
    assert amplitudes.max() == pytest.approx(3, rel=1e-3)


def test_thinned_curves_keep_their_extremes() -> None:
    values = np.zeros(10_000)
    values[1234], values[777] = 5, -4
    place, kept = envelope(values, 100)
    assert len(kept) <= 200
    assert kept[place == 1234] == [5]
    assert kept[place == 777] == [-4]
    assert peaks(np.arange(10_000.0), values, 50)[1].max() == 5


# --- numbers ----------------------------------------------------------------------------------------------------


def test_the_table_has_every_model_best_first_and_marks_baselines() -> None:
    result = make()
    html = own(render(result))
    rows = [attrs["data-v"] for tag, attrs in Reader(html).tags if tag == "th" and "data-v" in attrs]
    assert rows == list(result.summary.index)
    assert html.count('<span class="tag">baseline</span>') == 3


def test_the_best_network_and_the_best_baseline_show_their_mistakes_first() -> None:
    result = make()
    panes = {a["data-for"]: "hidden" in a for _, a in Reader(own(render(result))).tags if "data-for" in a}
    assert set(panes) == set(result.summary.index)
    kinds = [result.models[name].kind for name, hidden in panes.items() if not hidden]
    assert sorted(kinds) == ["baseline", "preset"]
    z = figures(render(result))["mistakes-0"]["data"][0]
    assert z["type"] == "heatmap"


def test_scores_fold_by_fold_stand_only_where_there_are_folds() -> None:
    assert "fold by fold" not in read(make())
    text = read(make(folds=3))
    assert "Macro-F1, fold by fold" in text
    assert "fold 3 of 3" in text


def test_a_regression_has_points_in_place_of_classes() -> None:
    result = make(classes=0, groups=12)
    html = render(result)
    text = Reader(own(html)).text
    for word in ("Precision", "AUROC", "Recording by recording", "Is its confidence honest?"):
        assert word not in text
    assert "RMSE" in text
    assert "R²" in text
    assert figures(html)["mistakes-0"]["data"][1]["type"] == "scattergl"


def test_confidence_is_counted_before_and_after_the_temperature() -> None:
    result = make(nets={"wdcnn": 0.6})
    page = page_data(result)
    assert page.network is not None
    found = confidence(result, page.network)
    assert found is not None
    assert found.after.ece == pytest.approx(result.summary.loc["wdcnn", "ece"])
    assert found.before.share.sum() == pytest.approx(1)
    assert found.before.confidence.max() > found.after.confidence.max()


def test_wrong_recordings_stand_first_in_a_list_that_ends() -> None:
    result = make(classes=3, groups=30, nets={"wdcnn": 0.4})
    rows, every, wrong = votes(page_data(result))
    assert len(rows) == min(VOTES, every)
    assert [row.right for row in rows] == sorted(row.right for row in rows)
    frame = result.votes[result.votes["model"] == "wdcnn"]
    assert every == frame["recording"].nunique()
    assert wrong == frame[frame["said"] != frame["true"]]["recording"].nunique()


# --- the trial of attention, and what it looks at ---------------------------------------------------------------


def trial() -> Classification:
    nets = {"wdcnn": 0.5, "wdcnn+eca": 0.95, "wdcnn+eca+placebo": 0.5}
    return make(nets=nets, asked=(ASKED,), folds=4, seeds=3)


def test_the_answer_is_in_points_over_seeds_and_groups() -> None:
    result = trial()
    text = read(result)
    one = result.answers[0].against_none
    told = f"wdcnn+eca against none −{abs(100 * one.effect):.1f} points"
    assert text.index(f"On these recordings attention helps: {told}") < text.index("What was read")
    assert "(3 seeds x 12 groups)" in text
    assert "Diebold" not in text
    assert "blocks of time" not in text
    assert "groups count as independent of each other" in text


def test_the_answer_is_chinese_where_the_page_is() -> None:
    text = read(trial(), "zh")
    assert "在这些录制上，注意力有帮助：wdcnn+eca 对无注意力 −" in text
    assert "个百分点" in text
    assert "3 个种子 × 12 个组" in text


def test_maps_show_windows_with_weights_of_their_real_samples() -> None:
    result = make(window=None, uneven=True, nets={"wdcnn+eca": 0.9})
    (over_time, other), left_out = looks(result)
    assert (over_time.axis, other.axis, left_out) == ("time", "channel", 0)
    assert over_time.stride == pytest.approx(120 / 10)
    assert len(over_time.windows) <= WINDOWS
    assert len({one.window.label for one in over_time.windows}) == 3
    for one in over_time.windows:
        assert len(one.weights) == -(-len(one.window.x) * 10 // 120)
    assert "not tested for truth yet" in read(result)
    assert "10 weights cover the longest window, 12 samples (0.12 s) each" in read(result)


def test_placebos_are_not_looked_at() -> None:
    assert {look.model for look in page_data(trial()).looks} == {"wdcnn+eca"}


# --- the page itself --------------------------------------------------------------------------------------------


def test_names_with_markup_are_shown_and_never_run() -> None:
    html = own(render(make(named="</script><img src=x onerror=alert({})>")))
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_a_long_name_of_a_class_is_not_cut() -> None:
    long = "the outer race of the bearing at the drive end, orthogonal to the load zone, {}"
    text = read(make(named=long))
    assert text.count(long.format(1)) >= 3


def test_long_names_stand_whole_beside_a_matrix_and_by_number_below_it() -> None:
    axes = figures(render(make(named="the outer race at the drive end, orthogonal to the load zone {}")))["mistakes-0"][
        "layout"
    ]
    assert axes["xaxis"]["ticktext"] == ["<b>1</b>", "<b>2</b>", "<b>3</b>"]
    names = [re.sub("<[^>]*>", " ", name) for name in axes["yaxis"]["ticktext"]]
    assert " ".join(names[1].split()) == "the outer race at the drive end, orthogonal to the load zone 1 2"
    assert figures(render(make()))["mistakes-0"]["layout"]["xaxis"]["ticktext"] == ["class 0", "class 1", "class 2"]


def test_the_chinese_page_is_chinese_but_for_names() -> None:
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


def test_how_to_repeat_it_shows_command_versions_and_fingerprint() -> None:
    text = read(make())
    for part in ("heedful.classify", "torch 2.13.0", "0123abcd"):
        assert part in text


def test_the_report_is_written_where_asked(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert write_report(make(), path) == path
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]


def test_nothing_is_written_of_a_result_without_trials_or_in_an_unknown_language(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Let the classification run longer"):
        write_report(replace(make(), trials=()), tmp_path / "report.html")
    with pytest.raises(UnknownName, match="Unknown language 'de'"):
        write_report(make(), tmp_path / "report.html", "de")
    assert list(tmp_path.iterdir()) == []
