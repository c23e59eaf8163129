"""The page over several data sets says first how far it goes, and a panel's report ranks over its series."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plotly.offline import get_plotlyjs

from heedful.data.series import Member
from heedful.errors import UnknownName
from heedful.report import across as page
from heedful.report import page as whole
from heedful.report.language import language
from heedful.trial.across import Across, across
from heedful.trial.result import Comparison

Make = Callable[..., Comparison]
ARMS = ("cnn-lstm+eca", "cnn-lstm+eca+placebo", "cnn-lstm+eca+wide", "cnn-lstm")


class Reader(HTMLParser):
    """Collects the words that a page shows, where it leads, and its ids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.leads: list[str] = []
        self.ids: set[str] = set()
        self._quiet = 0
        self.feed(html.replace(get_plotlyjs(), ""))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.leads += [given["href"] or ""] if tag == "a" and "href" in given else []
        self.ids.add(given.get("id") or "")
        self._quiet += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def many(trial: Make) -> Callable[..., Across]:
    """Maker of tables of so many data sets; the trials differ in their number of rows, so that no two are the same."""

    def made(count: int, *, names: tuple[str, ...] = (), order: tuple[str, ...] = ARMS) -> Across:
        found = {}
        for i in range(count):
            one = trial(rows=400 + 40 * i, order=order)
            rows = replace(one.series, fingerprint=f"rows{i}")
            found[names[i] if names else f"set{i}"] = replace(one, series=rows)
        return across(found)

    return made


def test_too_few_data_sets_are_said_first_and_no_test_is_told(many: Callable[..., Across]) -> None:
    text = Reader(page.render(many(3))).text
    first = "Too few data sets (3) to say anything about others: 6 at least."
    assert text.index(first) < text.index("The data sets")
    assert "Friedman, p" not in text
    assert "On the 3 themselves the trials found:" in text


def test_what_the_tests_found_is_said_where_there_are_enough(many: Callable[..., Across]) -> None:
    found = many(6)
    said = page.sentences(found, language("en"))
    assert said[0].startswith("The models do not all rank alike (Friedman, p")
    assert said[1].startswith("cnn-lstm+eca beats every control over these data sets: −")
    assert said[1].endswith("p = 0.031.")
    turned = page.sentences(many(6, order=ARMS[::-1]), language("en"))
    assert any(one.startswith("cnn-lstm+eca is worse than every control without attention") for one in turned)
    between = page.sentences(many(6, order=("cnn-lstm", *ARMS[:3])), language("en"))
    assert "No attention beats all its controls over these data sets (smallest p = 1.000)." in between
    assert not any("beats every control" in one for one in between)


def test_a_data_set_leads_to_its_own_report_where_there_is_one(many: Callable[..., Across], tmp_path: Path) -> None:
    names = ("load", "50 % <b>", "ett#1", "nowhere")
    found, places = many(4, names=names), (tmp_path / "all" / "load", tmp_path / "50 % b", tmp_path / "gone", None)
    for place in places[:2]:
        place.mkdir(parents=True)
        (place / "report.html").write_text("", encoding="utf-8")
    measured = {name: replace(found.measured[name], folder=at) for name, at in zip(names, places, strict=True)}
    path = replace(found, measured=measured).save(tmp_path / "all")
    reader = Reader(path.read_text(encoding="utf-8"))
    assert reader.leads == ["load/report.html", "../50%20%25%20b/report.html"]
    assert "50 % <b>" in reader.text
    assert "nowhere" in reader.text


def test_what_was_left_out_is_said_before_any_table(many: Callable[..., Across]) -> None:
    text = Reader(page.render(replace(many(3), notes=("load could not be compared: there is no file.",)))).text
    assert text.index("load could not be compared: there is no file.") < text.index("The data sets")
    assert text.count("load could not be compared") == 1


def test_the_page_loads_nothing_and_has_its_diagram(many: Callable[..., Across]) -> None:
    html = page.render(many(3))
    assert not re.search(r"https?:|//cdn|@import|url\(", html.replace(get_plotlyjs(), ""))
    assert "plot-critical-difference" in Reader(html).ids
    assert '"critical-difference":{"data":' in html


def test_all_models_stand_in_the_table_best_mean_rank_first(many: Callable[..., Across]) -> None:
    found = many(3)
    ranking = page.ranking(found, language("en"))
    assert [row.name for row in ranking.models] == list(found.table.index)
    assert ranking.each == ("set0", "set1", "set2")
    first = ranking.models[0]
    assert first.cells[0] == f"{found.table['rank'].iloc[0]:.2f}"
    assert first.cells[3:] == tuple(f"{loss:.3f}" for loss in found.losses[first.name])
    assert [row.name for row in ranking.models if row.marked] == ["cnn-lstm+eca"]


def test_losses_of_very_many_data_sets_stand_in_the_file_alone(many: Callable[..., Across], tmp_path: Path) -> None:
    found = many(page.COLUMNS + 1)
    assert page.ranking(found, language("en")).each == ()
    assert found.save(tmp_path) == tmp_path / "across.html"
    frame = pd.read_csv(tmp_path / "across.csv")
    assert frame["data"].nunique() == page.COLUMNS + 1
    np.testing.assert_allclose(frame["relative_mse"], found.frame["relative_mse"])


def test_an_unknown_language_is_refused_and_nothing_is_written(many: Callable[..., Across], tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Unknown language 'de'"):
        many(2).save(tmp_path, "de")
    assert list(tmp_path.iterdir()) == []


def test_the_chinese_page_is_chinese_but_for_names(many: Callable[..., Across]) -> None:
    notes = (
        "Not ranked, for want of a loss on every data set: tcn.",
        "Data sets without a loss, or whose last value is never wrong: load.",
        "tcn on load: 1 of 3 seeds did not train.",
        "The same rows, of which the first counts alone: load, site.",
        "Stopped early, and counted with what is finished: load.",
        "Not ranked, for want of a loss on every series: tcn.",
        "load could not be compared: 12.",
    )
    known = {"Heedful", "CD", "Nemenyi", "Wilcoxon", "Holm", "Friedman", "load", "site", "tcn", "cnn", "lstm", "eca"}
    known |= {"placebo", "wide", "persistence", "ridge", "set", "JavaScript"}
    for count in (3, 6):
        html = page.render(replace(many(count), notes=notes), "zh")
        assert set(re.findall(r"[A-Za-z]{2,}", " ".join(Reader(html).words))) <= known
    panel = language("zh").sentence("Series without a loss, or whose last value is never wrong: a.")
    assert panel == "没有损失可算、或最后一个值从不出错的序列：a。"


def panel(comparison: Comparison, count: int) -> Comparison:
    """Cuts the one series of a comparison into a panel of so many members, each with as many test windows."""
    first, windows = comparison.test.first, len(comparison.test)
    edges = np.linspace(first, first + windows, count + 1).astype(int)
    edges[0], edges[-1] = 0, len(comparison.series)
    members = tuple(Member(name=f"m{i}", start=a, stop=b) for i, (a, b) in enumerate(pairwise(edges)))
    series = replace(comparison.series, members=members)
    span = replace(comparison.test.span, series=series)
    return replace(comparison, series=series, test=replace(comparison.test, span=span))


def test_the_report_of_a_panel_ranks_over_its_series_with_a_warning(trial: Make) -> None:
    reader = Reader(whole.render(panel(trial(order=ARMS), 4)))
    assert "Across the series of this panel" in reader.text
    assert "Series that move together are not independent data sets" in reader.text
    assert "a third crossed factor" in reader.text
    assert "even if the series were independent data sets" in reader.text
    assert "plot-critical-difference" in reader.ids
    assert "#ranks" in reader.leads


def test_no_p_value_is_told_over_series(trial: Make) -> None:
    comparison = panel(trial(order=ARMS), 7)
    text = Reader(whole.render(comparison)).text
    assert "Wilcoxon" not in text
    assert "wins/ties/losses" in text
    assert "beats every control" not in text
    assert "Friedman, p" not in text


def test_the_report_of_one_series_has_no_such_section(trial: Make) -> None:
    html = whole.render(trial())
    assert 'id="ranks"' not in html
    assert "critical-difference" not in html.replace(get_plotlyjs(), "")
