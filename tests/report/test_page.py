"""The report is one file that is complete, safe, honest about what it leaves out, and never half written."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plotly.offline import get_plotlyjs

from heedful.errors import DataError, UnknownName
from heedful.report import page, view, write_report
from heedful.trial.result import Comparison

Make = Callable[..., Comparison]
LOADERS = {"src", "href", "srcset", "data", "action", "poster"}


class Reader(HTMLParser):
    """Collects what a page would load, the words it shows, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._quiet = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.loads += [value or "" for name, value in attrs if name in LOADERS]
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


def figures(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found.group(1))


def values(store: dict[str, Any], array: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(store["arrays"][array["bdata"]]), dtype=array["dtype"])


def test_the_page_loads_nothing_from_anywhere(make: Make) -> None:
    html = page.render(make())
    assert get_plotlyjs() in html
    reader = Reader(own(html))
    assert [load for load in reader.loads if not load.startswith(("#", "data:"))] == []
    assert not re.search(r"https?:|//cdn|@import|url\(", own(html))


def test_every_model_has_a_row_a_switch_and_a_description(make: Make) -> None:
    comparison = make()
    html = page.render(comparison)
    reader = Reader(own(html))
    rows = [a["data-v"] for tag, a in reader.tags if tag == "th" and "data-v" in a]
    assert rows == list(comparison.summary.index)
    assert {a["data-model"] for _, a in reader.tags if "data-model" in a} == set(comparison.summary.index)
    for note in comparison.models.values():
        assert note.summary in reader.text


def test_the_verdict_comes_first_and_names_the_best_model_with_its_score(make: Make) -> None:
    comparison = make(networks={"net": "preset"})
    best = comparison.summary.index[0]
    text = Reader(own(page.render(comparison))).text
    assert text.index(f"Best here: {best}, RMSE {comparison.summary['rmse'].iloc[0]:.4f}"[:-2]) < text.index("Rows")


def test_a_model_that_does_not_beat_persistence_is_told_before_the_table(make: Make) -> None:
    text = Reader(own(page.render(make(networks={"good": "preset", "poor": "published"}, seeds=2)))).text
    assert "No better than repeating the last value" not in text
    networks = {f"poor_{i}": "preset" for i in range(5)}
    text = Reader(own(page.render(make(networks=networks, seeds=2)))).text
    assert text.index("No better than repeating the last value") < text.index("Scores on the test part")


def test_names_with_markup_are_shown_and_never_run(make: Make) -> None:
    nasty = "</script><script>alert(1)</script>&"
    html = page.render(make(networks={nasty: "preset"}, target="<img src=x onerror=alert(2)>"))
    assert "<script>alert(1)" not in html
    assert "<img" not in own(html)
    reader = Reader(own(html))
    assert [tag for tag, _ in reader.tags].count("script") == 3
    assert nasty in {a.get("data-model") for _, a in reader.tags}
    raw = html.split('id="figures">')[1].split("</script>")[0]
    assert not set("<>&") & set(raw)
    named = {trace.get("name") for trace in figures(html)["figures"]["curves"]["data"]}
    assert "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in named


def test_a_large_comparison_stays_small_and_says_what_it_leaves_out(make: Make) -> None:
    networks = {f"network_{i}": "preset" for i in range(10)} | {"attention_lstm": "published"}
    times = pd.date_range("2015-01-01", periods=55_000, freq="h", tz="Europe/Berlin")
    comparison = make(rows=55_000, horizon=24, window=48, networks=networks, times=times, epochs=350)
    html = page.render(comparison)
    assert len(html.encode()) < 6_000_000
    points = view.page_data(comparison).points
    assert points < len(comparison.test)
    text = Reader(own(html)).text
    assert f"Shown are the newest {points:,} of {len(comparison.test):,} test windows" in text
    assert "mean error of 37 neighbouring windows" in text
    assert "Long trainings show about 300 evenly spaced epochs" in text


def test_a_small_comparison_shows_every_window(make: Make) -> None:
    comparison = make()
    html = page.render(comparison)
    assert f"All {len(comparison.test)} test windows are shown" in Reader(own(html)).text
    store = figures(html)
    truth = next(t for t in store["figures"]["curves"]["data"] if t.get("name") == "truth")
    windows = comparison.test
    expected = windows.targets(np.arange(len(windows)))[:, 0]
    # Pictures carry single precision.
    np.testing.assert_allclose(values(store, truth["y"]), expected, rtol=1e-6)
    stamps = comparison.series.times[windows.origins + 1]
    np.testing.assert_array_equal(values(store, truth["x"]), stamps.as_unit("ms").asi8)


def test_equal_arrays_are_written_once(make: Make) -> None:
    store = figures(page.render(make()))
    assert len(set(store["arrays"])) == len(store["arrays"])
    traces = store["figures"]["curves"]["data"]
    assert len({t["x"]["bdata"] for t in traces}) == 1 < len(traces)


def test_an_unfinished_run_says_so_and_what_is_missing(make: Make) -> None:
    missing = ("cnn-lstm", "cnn-lstm+eca")
    text = Reader(own(page.render(make(finished=False, unfinished_models=missing)))).text
    assert "stopped before it was finished" in text
    assert "(5 of 7 models; not run: cnn-lstm, cnn-lstm+eca)" in text
    assert "stopped before" not in Reader(own(page.render(make()))).text


def test_sections_without_data_are_left_out(make: Make) -> None:
    html = own(page.render(make(maps=False, epochs=0)))
    assert 'id="attention"' not in html
    assert 'id="learning"' not in html
    assert set(figures(html)["figures"]) == {"curves", "errors", "spread", "histogram"}
    whole = own(page.render(make(horizon=3)))
    assert 'id="attention"' in whole
    assert 'id="learning"' in whole
    assert "steps" in figures(whole)["figures"]


def test_every_figure_has_its_place_on_the_page(make: Make) -> None:
    html = page.render(make(horizon=3))
    ids = {a.get("id") for _, a in Reader(own(html)).tags}
    assert {f"plot-{name}" for name in figures(html)["figures"]} <= ids


def test_published_models_are_marked_as_printed_with_their_flaw(make: Make) -> None:
    text = Reader(own(page.render(make(networks={"cnn_lstm": "published"})))).text
    assert "as printed" in text
    assert "Its pool is as long as the window" in text


def test_targets_that_were_never_observed_are_counted(make: Make) -> None:
    assert "15 target values were never observed" in Reader(own(page.render(make(holes=True)))).text


def test_a_comparison_of_baselines_on_a_table_without_stamps_has_a_page(make: Make) -> None:
    html = own(page.render(make(networks={}, times=pd.RangeIndex(400))))
    assert "No network was compared" in Reader(html).text
    assert figures(html)["figures"]["curves"]["layout"]["xaxis"]["type"] == "linear"


def test_how_to_repeat_it_shows_command_versions_and_fingerprint(make: Make) -> None:
    text = Reader(own(page.render(make()))).text
    assert "heedful compare site.csv --target load" in text
    assert "torch 2.13.0; numpy 2.4" in text
    assert "sha256:0123456789abcdef" in text


def test_the_report_is_written_where_asked_and_replaces_an_older_one(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    path.parent.mkdir()
    path.write_text("old")
    assert write_report(make(), path) == path
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_a_failed_write_keeps_the_old_report_and_leaves_no_scrap(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def fail(self: Path, target: Path) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(DataError, match="no space left"):
        write_report(make(), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_comparison_without_trials_is_refused_and_nothing_is_written(make: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one finished trial"):
        write_report(replace(make(), trials=()), tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_controls_of_a_trial_are_folded_away_from_chips_cards_and_learning_curves(trial: Make) -> None:
    html = own(page.render(trial()))
    folded = [part for part in re.findall(r"<details>.*?</details>", html, re.S) if "Second opinions" not in part]
    assert len(folded) == 4  # chips stand above forecasts and above errors
    for name in ("cnn-lstm+eca+placebo", "cnn-lstm+eca+wide"):
        assert all(name in part for part in folded)
        assert f'data-model="{name}"' not in re.sub(r"<details>.*?</details>", "", html, flags=re.S)
    assert not any('data-model="cnn-lstm+eca"' in part for part in folded)
    assert "2 controls of the trial of attention" in Reader(html).text
    assert "<details>" not in own(page.render(trial(order=("cnn-lstm",))))


def test_negative_numbers_of_the_answer_have_true_minus_signs(trial: Make) -> None:
    text = Reader(own(page.render(trial()))).text
    assert re.search(r"[\[ (]−\d", text)
    assert re.findall(r"[\[ (]-\d[\d.]*", text) == []


def test_the_chinese_page_is_chinese_but_for_names(make: Make, trial: Make) -> None:
    for comparison in (make(horizon=3, holes=True), trial(), make(networks={}, times=pd.RangeIndex(400))):
        html = own(page.render(comparison, "zh"))
        assert '<html lang="zh">' in html
        assert "'Microsoft YaHei', 'Noto Sans CJK SC'" in html
        comments = [*comparison.series.notes, *(model.summary for model in comparison.models.values())]
        comments += [note + ":" for trial_ in comparison.trials for note in trial_.notes]
        text = " ".join(Reader(html).words)
        for known in sorted(comments, key=len, reverse=True):
            text = text.replace(known, "")
        text = text.split("如何复现")[-2]  # below stand the words of options
        names = set(re.findall("[a-z]+", " ".join(comparison.models)))
        assert set(re.findall(r"[A-Za-z]{2,}", text)) <= FIELD_WORDS | names


FIELD_WORDS = {"Heedful", "MAE", "RMSE", "sMAPE", "MASE", "Holm", "load", "site", "wind", "forecasts", "csv", "parquet"}
FIELD_WORDS |= {"Diebold", "Mariano", "Harvey", "Leybourne", "Newbold", "Hansen", "SPA"}
FIELD_WORDS |= {"pool", "gate"}  # names of recorded maps


def test_english_is_what_a_page_is_in_if_nothing_else_is_asked(make: Make) -> None:
    comparison = make()
    assert page.render(comparison) == page.render(comparison, "en")
    assert '<html lang="en">' in page.render(comparison)
    assert "Plotly.register(" not in own(page.render(comparison))
    assert 'Plotly.register({"dictionary"' in own(page.render(comparison, "zh"))


def test_an_unknown_language_is_refused_and_nothing_is_written(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Unknown language 'de'"):
        write_report(make(), tmp_path / "report.html", language="de")
    assert list(tmp_path.iterdir()) == []
