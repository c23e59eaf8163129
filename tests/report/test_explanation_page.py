"""The page of an explanation says its verdict first, loads nothing, and lacks nothing when parts are missing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heedful.errors import UnknownName
from heedful.explaining.verdict import verdict
from heedful.explanation.controls import MAGNITUDE, PERMUTED, RECENCY, SMOOTH
from heedful.explanation.faithfulness import LEVEL
from heedful.explanation.readings import WITHOUT
from heedful.explanation.result import Explanation
from heedful.explanation.truth import judge
from heedful.report.explanation import render, save_figures, sentences, words, write_page
from heedful.report.language import language
from report.made_explanations import forecast, gains, signals

FORECAST, SIGNALS = forecast(windows=12), signals(windows=8, length=2048)
_NONE: dict[str, Any] = {"column_maps": {}, "truths": {}, "curves": {}, "agreements": (), "sanity": (), "usage": None}
LITTLE = replace(FORECAST, looks=(), **_NONE)


class Page(HTMLParser):
    """The ids, links and open tags of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.ids += [one for one in [told.get("id")] if one]
        self.links += [one for one in [told.get("href")] if tag == "a" and one]
        self.loaded += [one for one in [told.get("src"), told.get("href") if tag == "link" else None] if one]


def viewer(html: str) -> Any:
    """What the page's viewer was given."""
    found = re.search(r'<script type="application/json" id="windows">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found[1])


def text(html: str) -> str:
    """What people read."""
    html = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


@pytest.fixture(scope="module")
def pages() -> dict[tuple[str, str], str]:
    made = {"forecast": FORECAST, "signals": SIGNALS}
    return {(kind, code): render(one, language=code) for kind, one in made.items() for code in ("en", "zh")}


def test_a_page_loads_nothing_and_its_links_lead_somewhere(pages: dict[tuple[str, str], str]) -> None:
    for html in pages.values():
        page = Page(html)
        assert all(one.startswith("data:") for one in page.loaded)
        assert len(page.ids) == len(set(page.ids))
        assert {one.removeprefix("#") for one in page.links} <= set(page.ids)


def test_the_verdict_comes_first_and_whether_to_show_the_map_before_all() -> None:
    told = verdict(FORECAST, predicts=True, held_out=True)
    read = text(render(replace(LITTLE, verdict=told)))
    headline = read.index("Show the attention map to a customer: no. Occlusion is shown in its place")
    assert headline < read.index("Used: yes.") < read.index("True: no, decoder.attention") < read.index("What mattered")


def test_why_a_mechanism_weighs_nothing_is_translated() -> None:
    say = language("zh")
    for why in WITHOUT.values():
        look = replace(FORECAST.looks[2], why=f"it forms no weights: {why}")
        [line] = words.silent(replace(FORECAST, looks=(look,)), say)
        assert not re.search(r"[A-Za-z]{3,}", line.replace("performer", "")), line


def test_a_verdict_is_marked_by_what_it_says() -> None:
    told = {
        "Used: yes. With uniform weights 3.0 % probability moves.": "good",
        "Used: no. With uniform weights 0.1 % probability moves.": "warning",
        "Needed: not asked. --retrain 2 trains others.": "",
        "True: no, a: no better than smooth random maps in b.": "warning",
        "True: not asked, for no weights stand over samples or channels (a).": "",
        "Show the attention map to a customer: no.": "warning",
        "Show the attention map to a customer: yes, a.": "good",
    }
    marks = {text: sentences.verdict(replace(FORECAST, verdict=(text,)), language("en"))[0][0] for text in told}
    assert marks == told


def test_an_explanation_without_a_verdict_is_not_to_be_shown() -> None:
    assert "do not show these maps to a customer" in text(render(replace(LITTLE, verdict=())))


def test_the_viewer_holds_each_window_with_its_maps_heads_and_steps_ahead(pages: dict[tuple[str, str], str]) -> None:
    told = viewer(pages["forecast", "en"])
    assert [one["name"] for one in told["maps"]] == ["occlusion", "decoder.attention", "integrated gradients"]
    for window, shown in zip(told["windows"], FORECAST.shown, strict=True):
        look = FORECAST.looks[1]
        assert look.steps is not None
        assert look.heads is not None
        own = window["looks"]["decoder.attention"]
        steps = np.array([one["y"] for one in own["steps"]])
        np.testing.assert_allclose(steps, look.steps[shown.number], rtol=1e-4, atol=1e-12)
        np.testing.assert_allclose([one["y"] for one in own["heads"]], look.heads[shown.number], rtol=1e-4, atol=1e-12)
        assert len(own["steps"][0]["x"]) == len(own["steps"][0]["y"]) + 1
        stamps = np.array(window["ahead"]["x"], dtype="datetime64[ms]")
        np.testing.assert_array_equal(stamps, np.asarray(shown.ahead).astype("datetime64[ms]"))
        np.testing.assert_allclose(window["ahead"]["said"][0], np.ravel(shown.said), rtol=1e-4)


def test_a_gap_in_a_column_is_a_gap_in_the_viewer(pages: dict[tuple[str, str], str]) -> None:
    first = viewer(pages["forecast", "en"])["windows"][0]
    line = next(one for one in first["lines"] if one["name"] == "outside temperature")
    assert [place for place, value in enumerate(line["y"]) if value is None] == [5, 6, 7]


def test_a_long_window_is_thinned_in_the_viewer(pages: dict[tuple[str, str], str]) -> None:
    first = viewer(pages["signals", "en"])["windows"][0]
    assert len(first["lines"]) == 3
    assert all(len(one["y"]) <= 800 for one in first["lines"])
    assert all(len(one["y"]) <= 400 for one in first["maps"].values())
    assert first["looks"] == {}


def test_names_cannot_break_out_of_the_page() -> None:
    bad = "</script><script>alert(1)</script>"
    made = replace(
        SIGNALS,
        **_NONE,
        bands=(),
        model=bad,
        data=bad,
        looks=(replace(SIGNALS.looks[0], mechanism=bad),),
        columns=(bad, *SIGNALS.columns[1:]),
        shown=tuple(replace(one, name=bad, said=bad) for one in SIGNALS.shown),
        windows=tuple(bad for _ in SIGNALS.windows),
        verdict=(bad,),
        notes=(bad,),
    )
    html = render(made)
    assert "<script>alert" not in html
    assert len(re.findall(r"</script>", html)) == len(re.findall(r"<script[ >]", html))


def controls(made: Explanation, code: str = "en") -> list[list[list[str]]]:
    """The tables of what maps beat, with their headings."""
    return [[list(table.heads), *map(list, table.rows)] for table in words.truths(made, language(code))]


def test_maps_of_time_and_of_channels_have_tables_of_their_own_with_the_controls_that_they_were_asked() -> None:
    rows = [replace(row, control=PERMUTED) if row.control == SMOOTH else row for row in gains(0.2)]
    channels = judge([row for row in rows if row.control != RECENCY])
    time, other = controls(replace(FORECAST, truths={"gate, channels": channels, **FORECAST.truths}))
    assert time[0][:3] == ["map over time", "true", "smooth random map"]
    assert other[0][:3] == ["map of channels or columns", "true", "permuted map"]
    assert "permuted map" not in time[0]
    assert "newest first" not in other[0]
    assert [row[0] for row in time[1:]] == ["bahdanau attention", "occlusion"]
    assert [row[0] for row in other[1:]] == ["se attention, channels"]


def test_a_control_that_was_not_asked_is_a_dash_and_one_without_an_answer_says_so() -> None:
    few = judge([row for row in gains(0.2, groups=3) if row.control != MAGNITUDE])
    [table] = controls(replace(FORECAST, truths={"decoder.attention": few, "occlusion": judge(gains(0.3))}))
    size = table[0].index("size of the input")
    assert table[1][size] == "–"
    assert table[1][table[0].index("mean map")] == "cannot be told"
    assert table[2][size] == "yes"


@pytest.mark.parametrize("code", ["en", "zh"])
def test_levels_of_intervals_are_those_that_were_computed(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heedful.explanation.usage.LEVEL", 0.815)
    read = text(render(replace(FORECAST, shown=FORECAST.shown[:1]), language=code))
    told = set(re.findall(r"([\d.]+) ?%(?: interval| 区间)", read))
    assert told == {f"{100 * LEVEL:g}", "81.5"}
    say, own = language(code), f"{100 * LEVEL:g}"
    assert [head for head in words.usage(FORECAST, say).heads if "%" in head] == 2 * [
        say("explain_heads.interval", level="81.5")
    ]
    for table in (words.gains(FORECAST, "occlusion", say), words.agreements(FORECAST, say)):
        assert say("explain_heads.interval", level=own) in table.heads


@pytest.mark.parametrize(("kind", "need"), [("classes", 0.9), ("number", 0.8), ("forecast", 0.8)])
def test_nothing_follows_from_a_self_test_that_was_not_learned(kind: Any, need: float) -> None:
    for code in ("en", "zh"):
        for right, mark in ((need, "good"), (need - 0.01, "warning"), (np.nan, "warning")):
            made = replace(FORECAST, kind=kind, found={"right": right, "|x|": 0.5})
            told = words.learned(made, language(code))
            assert told is not None
            assert told[0] == mark
            if code == "en":
                assert ("Nothing follows" in told[1]) == (mark == "warning")
                assert ("of the classes right" in told[1]) == (kind == "classes")
            table = words.found(made, language(code))
            assert table is not None
            assert [row[0] for row in table.rows] == [{"en": "size of the input", "zh": "输入的大小"}[code]]
    assert words.learned(FORECAST, language("en")) is None


def test_a_self_test_stands_on_the_page_without_any_tested_map() -> None:
    html = render(replace(LITTLE, found={"right": 0.3, "occlusion": 0.6}))
    assert "planted" in Page(html).ids
    assert "did not learn the planted evidence: R2 0.30 on new windows, at least R2 0.80 is needed" in text(html)


def test_sections_come_with_what_they_are_about(pages: dict[tuple[str, str], str]) -> None:
    one, other = Page(pages["forecast", "en"]), Page(pages["signals", "en"])
    assert {"used", "true", "alike", "looks"} <= set(one.ids)
    assert "frequencies" not in one.ids
    assert {"frequencies", "used", "true"} <= set(other.ids)
    assert "alike" not in other.ids
    assert "0.970" in text(pages["signals", "en"])  # planted evidence
    assert "one every 16 samples, sees 64, and the whole window through a recurrence" in text(pages["signals", "en"])


@pytest.mark.parametrize("code", ["en", "zh"])
@pytest.mark.parametrize("made", [FORECAST, SIGNALS], ids=["forecast", "signals"])
def test_a_page_of_little_is_still_a_page(made: Explanation, code: str) -> None:
    bare = replace(
        made,
        shown=(),
        looks=(),
        reaches={},
        maps={},
        column_maps={},
        usage=None,
        truths={},
        curves={},
        agreements=(),
        sanity=(),
        bands=(),
        needed={},
        found={},
        passes={},
        notes=(),
    )
    page = Page(render(bare, language=code))
    assert {one.removeprefix("#") for one in page.links} <= set(page.ids)
    assert not [one for one in page.loaded if one.startswith("data:image")]


def test_a_look_without_steps_heads_or_reach_is_shown_all_the_same() -> None:
    look = replace(FORECAST.looks[1], steps=None, heads=None, reach=None, effective=None, padding=None)
    html = render(replace(LITTLE, looks=(look,), reaches={}))
    assert viewer(html)["windows"][0]["looks"] == {}


def test_no_english_is_left_on_a_chinese_page(pages: dict[tuple[str, str], str]) -> None:
    made = replace(FORECAST, verdict=verdict(FORECAST, predicts=True, held_out=True))
    read = text(render(made, language="zh"))
    names = set(FORECAST.columns) | {"cnn-lstm+bahdanau", "Heedful", "decoder.attention", "performer", "mixer", "site"}
    for name in sorted(names, key=len, reverse=True):
        read = read.replace(name, "")
    left = set(re.findall(r"[A-Za-z]{3,}", read))
    assert left <= {
        "bahdanau",
        "load",
        "gate",
        "thinsp",
        "nbsp",
        "RMSE",
        "JavaScript",
        "retrain",
        "forms",
        "weights",
        "design",
    }, left


def test_a_page_is_written_whole(tmp_path: Path) -> None:
    path = write_page(LITTLE, tmp_path / "report.html", language="zh")
    assert path.read_text(encoding="utf-8").endswith("</html>")
    with pytest.raises(UnknownName, match="Unknown language"):
        write_page(LITTLE, tmp_path / "other.html", language="xx")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_pictures_are_written_in_every_format_and_the_same_twice(tmp_path: Path) -> None:
    little = replace(LITTLE, shown=FORECAST.shown[:1], agreements=FORECAST.agreements)
    first = save_figures(little, tmp_path / "a", ("png", "svg", "pdf"), language="zh")
    second = save_figures(little, tmp_path / "b", ("png", "svg", "pdf"), language="zh")
    names = {path.name for path in first}
    assert {"window-1.png", "window-1.svg", "window-1.pdf", "agreement.svg", "agreement.pdf"} <= names
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    heads = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert all(path.read_bytes().startswith(heads[path.suffix[1:]]) for path in first)


def test_an_unknown_format_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"Unknown format 'jpg'.*Known: pdf, png, svg|Unknown format 'jpg'"):
        save_figures(FORECAST, tmp_path, ("jpg",))
    assert not list(tmp_path.iterdir())
