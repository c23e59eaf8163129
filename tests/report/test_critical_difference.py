"""The diagram shows every mean rank where it is, every name whole, and a bar over each group."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from heedful.report.figures.critical_difference import SHOWN, critical_difference
from heedful.report.language import language
from heedful.trial.statistics import Ranks, friedman_nemenyi


def ranked(models: int, sets: int = 30) -> tuple[list[str], Ranks]:
    scores = np.random.default_rng(models).normal(size=(sets, models)) + 0.3 * np.arange(models)
    return [f"net+mechanism_{i}@decoder+placebo" for i in range(models)], friedman_nemenyi(scores)


def bars(figure: go.Figure) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.mode == "lines" and trace.line.width == 5]


def dots(figure: go.Figure) -> list[float]:
    return [float(trace.x[0]) for trace in figure.data if trace.mode == "markers"]


@pytest.mark.parametrize("models", [3, 9, 20])
def test_every_model_has_a_dot_at_its_mean_rank_and_a_row_best_on_top(models: int) -> None:
    names, ranks = ranked(models)
    figure = critical_difference(language("en"), names, ranks)
    assert dots(figure) == sorted(ranks.ranks)
    axis = figure.layout.yaxis
    assert len(axis.ticktext) == len(set(axis.tickvals)) == models
    assert list(axis.tickvals) == sorted(axis.tickvals, reverse=True)
    for text, rank in zip(axis.ticktext, sorted(ranks.ranks), strict=True):
        name = names[ranks.ranks.index(rank)]
        assert text.replace("<br>", "") == f"{name}  {rank:.2f}"


@pytest.mark.parametrize("models", [3, 9, 20])
def test_a_bar_spans_each_group_that_is_not_told_apart(models: int) -> None:
    names, ranks = ranked(models)
    drawn = bars(critical_difference(language("en"), names, ranks))
    assert len(drawn) == len(ranks.cliques) > 0
    for bar, group in zip(drawn, ranks.cliques, strict=True):
        at = [ranks.ranks[i] for i in group]
        assert bar.x[0] == pytest.approx(min(at), abs=0.2)
        assert bar.x[1] == pytest.approx(max(at), abs=0.2)
    assert len({bar.y[0] for bar in drawn}) == len(drawn)


@pytest.mark.parametrize(("models", "sets"), [(3, 2), (9, 3), (20, 30)])
def test_nothing_lies_outside_the_picture(models: int, sets: int) -> None:
    names, ranks = ranked(models, sets)
    figure = critical_difference(language("en"), names, ranks)
    (left, right), (low, high) = figure.layout.xaxis.range, figure.layout.yaxis.range
    for trace in figure.data:
        assert left <= min(trace.x) <= max(trace.x) <= right
        assert low <= min(trace.y) <= max(trace.y) <= high
    assert figure.layout.yaxis.automargin


def test_no_leader_crosses_another() -> None:
    names, ranks = ranked(12)
    leaders = [t for t in critical_difference(language("en"), names, ranks).data if len(t.x) == 3]
    for one in leaders:
        for other in leaders:  # the rising part of one against the level part of the other
            assert not (one.x[1] < other.x[1] and one.y[0] < other.y[0])


def test_the_ruler_is_as_long_as_the_critical_difference() -> None:
    names, ranks = ranked(5, 12)
    figure = critical_difference(language("zh"), names, ranks)
    [ruler] = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert ruler.x[1] - ruler.x[0] == pytest.approx(ranks.critical_difference)
    [text] = [note.text for note in figure.layout.annotations]
    assert text == f"临界差 CD = {ranks.critical_difference:.2f}"
    assert figure.layout.xaxis.title.text == "平均排名，1 为最佳"


def test_of_many_models_the_best_are_drawn_and_no_bar_lies_within_another() -> None:
    names, ranks = ranked(30)
    figure = critical_difference(language("en"), names, ranks)
    assert dots(figure) == sorted(ranks.ranks)[:SHOWN]
    spans = [tuple(bar.x) for bar in bars(figure)]
    for low, high in spans:
        assert [one for one in spans if one[0] <= low and high <= one[1]] == [(low, high)]


def test_models_with_attention_stand_out_in_colour_and_weight() -> None:
    names, ranks = ranked(4)
    figure = critical_difference(language("en"), names, ranks, marked={names[2]})
    bold = [text for text in figure.layout.yaxis.ticktext if text.startswith("<b>")]
    assert len(bold) == 1
    assert names[2][:20] in bold[0]
    coloured = {trace.x[0] for trace in figure.data if trace.mode == "markers" and trace.marker.color == "#0072b2"}
    assert coloured == {ranks.ranks[2]}


def test_names_with_markup_are_shown_and_never_run() -> None:
    _, ranks = ranked(3)
    figure = critical_difference(language("en"), ["<b>x", "&", "net"], ranks)
    assert any("&lt;b&gt;x" in text for text in figure.layout.yaxis.ticktext)
