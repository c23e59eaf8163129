"""What a comparison finds out about each network it has trained: planted leaks, and that clean ones pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import heedful
from heedful.data import Scaler, Series, Span, Step, split, windows
from heedful.models import MODELS, ModelSpec, Shape
from heedful.train import Recipe
from heedful.trial.audit import Finding
from heedful.trial.audit.networks import check_network, told
from heedful.trial.audit.rows import later, worthless_series

SMALL = {"window": 6, "models": "cnn-lstm", "seeds": 2, "recipe": Recipe(epochs=1, batch=32), "jobs": 1}


class AcrossTheBatch(nn.Module):
    """Forecasts the newest value of the next window of its batch: the truth, when windows come in order."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.last = nn.Linear(1, shape.horizon)

    def forward(self, x: Tensor) -> Tensor:
        ahead: Tensor = torch.roll(x[:, -1, :1], -1, 0)
        return ahead + 0 * self.last(ahead)


@pytest.fixture
def peeking(monkeypatch: pytest.MonkeyPatch) -> str:
    spec = ModelSpec(
        name="peeking",
        kind="published",
        summary="Looks at its neighbour.",
        scaling="standard",
        single_value=False,
        recipe="modern",
        build=lambda shape, seed=0: AcrossTheBatch(shape),
        plan=lambda shape, seed=0: None,
    )
    monkeypatch.setitem(MODELS, "peeking", spec)
    return "peeking"


def table(rows: int = 240) -> pd.DataFrame:
    t, rng = np.arange(rows), np.random.default_rng(0)
    return pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "load": 50 + 10 * np.sin(t / 24 * 2 * np.pi) + rng.normal(size=rows),
            "heat": np.where(rng.random(rows) < 0.1, np.nan, 5 + rng.normal(size=rows)),
            "plan": (rng.random(rows) < 0.3).astype(float),
            "wind": rng.choice(["north", "south"], size=rows),
        }
    )


def test_a_network_that_looks_at_later_rows_is_found_and_the_comparison_finishes(peeking, tmp_path):
    made = heedful.compare(table(), "load", out=tmp_path / "run", **SMALL | {"models": f"cnn-lstm,{peeking}"})
    assert made.finished
    assert made.summary.loc["peeking", "skill"] > 0.9
    [leak] = [one for one in made.audit if one.severity == "leak"]
    assert leak.check == "later rows"
    assert leak.text.startswith("2 of 4 networks: peeking (seed 0), peeking (seed 1). Of the first: At ")
    assert made.findings[0].severity == "warning"
    assert "Leak, the scores are worth nothing: 2 of 4 networks: peeking (seed 0)" in str(made.findings[0])
    assert "2 of 4 networks: peeking (seed 0)" in (tmp_path / "run" / "report.html").read_text()
    assert not any("to the last bit" in note for note in made.notes)
    again = heedful.compare(table(), "load", out=tmp_path / "run", **SMALL | {"models": f"cnn-lstm,{peeking}"})
    assert again.audit == made.audit
    assert all(a.checks == b.checks for a, b in zip(again.trials, made.trials, strict=True))


def test_only_the_last_window_of_the_part_cannot_show_that_it_looks_across_the_batch(peeking):
    made = heedful.compare(table(), "load", **SMALL | {"models": peeking, "seeds": 1})
    [leak] = [one for one in made.audit if one.severity == "leak"]
    assert leak.text.startswith("At 5 of 6 origins rows after the origin changed the forecast of peeking (seed 0)")


@pytest.mark.parametrize(
    "options",
    [
        {"models": "cnn_lstm,cnn-lstm,attention-gru"},
        {"known": "plan", "past": ["heat", "wind"], "calendar": True, "mask": True, "horizon": 3},
        {"models": (), "attention": "eca,additive", "rates": [1e-3], "seeds": 1},
    ],
    ids=["published and alone", "known, text, calendar and masks", "an attention and its controls"],
)
def test_networks_that_look_back_only_pass_in_one_sentence(options):
    made = heedful.compare(table(), "load", **SMALL | options)
    count = sum(trial.seed is not None for trial in made.trials)
    assert not [one for one in made.audit if one.severity == "leak"]
    [said] = [note for note in made.notes if "to the last bit" in note]
    assert said.startswith(
        f"{count} networks forecast the same to the last bit with all rows after the origin permuted"
    )
    assert said in [one.text for one in made.audit if one.severity == "fine"]


@pytest.mark.parametrize(
    ("origins", "at"), [([6], "6 origins"), ([1], "1 origin"), ([6, 6], "6 origins"), ([4, 6], "4 to 6 origins")]
)
def test_the_note_says_at_how_many_origins_networks_were_tried(origins, at):
    [said] = told({"net": [Finding(check="later rows", severity="fine", text="")]}, origins)
    assert f"permuted and doubled, at {at} spread over" in said.text


def test_a_short_test_part_is_tried_at_all_its_origins_and_the_note_says_so():
    made = heedful.compare(table(), "load", **SMALL | {"models": "cnn-lstm", "seeds": 1, "split": (200, 36, 4)})
    assert len(made.test) == 4
    [said] = [note for note in made.notes if "to the last bit" in note]
    assert "at 4 origins spread over" in said


def test_panels_and_tables_without_stamps_pass(shops):
    for frame, target, words in ((shops, "sales", {"series": "shop"}), (table()[["load"]], "load", {})):
        made = heedful.compare(frame, target, **SMALL | words)
        assert any(note.startswith("2 networks forecast the same") for note in made.notes)
        assert all(trial.checks for trial in made.trials if trial.seed is not None)


def test_with_rolling_origins_every_refit_is_checked(peeking):
    options = SMALL | {"models": f"cnn-lstm,{peeking}", "seeds": 1, "origins": 3, "split": (140, 40, 60)}
    made = heedful.compare(table(), "load", **options)
    for trial in (trial for trial in made.trials if trial.seed is not None):
        assert [one.check for one in trial.checks] == ["scaler", "later rows"] * 3
        wrong = [one for one in trial.checks if one.severity == "leak"]
        assert len(wrong) == (3 if trial.model == "peeking" else 0)
    scaled = [one.text for one in made.trials[-1].checks if one.check == "scaler"]
    assert [text.split(" to ")[1].split(",")[0] for text in scaled] == ["139", "159", "179"]


class Peeking(Scaler):
    """A scaler with the right numbers that also looks at all rows of the table."""

    def batch(self, windows, index):
        found = super().batch(windows, index)
        return found._replace(x=found.x + np.float32(windows.span.series.values[:, 0].mean()))


@pytest.fixture(scope="module")
def case():
    rows = 3_000
    values = np.random.default_rng(1).normal(size=(rows, 3)).cumsum(0)
    series = Series(
        name="walk", columns=("a", "b", "c"), target="a", values=values, observed=np.ones(values.shape, dtype=bool),
        times=pd.date_range("2024", periods=rows, freq="h"), step=Step(kind="fixed", frequency="h"), fingerprint="w",
    )  # fmt: skip
    parts = split(series, (0.7, 0.1, 0.2))
    net = MODELS["cnn-lstm"].build(Shape(6, 3), 0)
    return net, windows(parts.test, 6), parts.train


def leaks(findings: tuple[Finding, ...]) -> list[str]:
    return [one.check for one in findings if one.severity == "leak"]


def test_a_scaler_of_other_rows_than_train_is_found(case):
    net, laid, train = case
    right = Scaler.fit(train)
    assert leaks(check_network(net, laid, right, train, "net")) == []
    everything = Scaler.fit(Span(series=train.series, part="train", start=0, stop=len(train.series)))
    assert leaks(check_network(net, laid, everything, train, "net")) == ["scaler"]
    assert leaks(check_network(net, laid, replace(everything, rows=right.rows), train, "net")) == ["scaler"]


def test_a_scaler_that_looks_at_all_rows_of_the_table_is_found(case):
    net, laid, train = case
    right = Scaler.fit(train)
    wrong = Peeking(**{name: getattr(right, name) for name in right.__dataclass_fields__})
    assert leaks(check_network(net, laid, wrong, train, "net")) == ["later rows"]


def test_worthless_rows_are_the_later_ones_and_known_columns_stay(case):
    _, laid, _ = case
    series = replace(laid.span.series, known=("b",))
    spoilt = worthless_series(series, 2_000, seed=0)
    assert np.array_equal(spoilt.values[:2_001], series.values[:2_001])
    assert np.array_equal(spoilt.values[:, 1], series.values[:, 1])
    assert not np.isclose(spoilt.values[2_001:, [0, 2]], series.values[2_001:, [0, 2]]).any(1).all()
    assert np.allclose(np.sort(spoilt.values[2_001:, 0]), np.sort(2 * series.values[2_001:, 0]))
    assert later(series, 2_000).sum() == len(series) - 2_001


def test_later_rows_of_a_panel_are_later_by_the_clock_in_every_member(shops):
    made = heedful.compare(shops, "sales", series="shop", **SMALL | {"models": ()}).series
    origin = made.members[1].start + 20
    after = later(made, origin)
    assert np.array_equal(after, np.asarray(made.times > made.times[origin]))
    assert after[: made.members[0].stop].any()
    bare = replace(made, times=pd.RangeIndex(len(made)))
    assert np.flatnonzero(later(bare, origin)).min() == origin + 1
    assert np.flatnonzero(later(bare, origin)).max() == made.members[1].stop - 1


def test_a_network_that_did_not_train_is_no_leak(case):
    _, laid, train = case
    net = MODELS["cnn-lstm"].build(Shape(6, 3), 0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(torch.nan)
    assert leaks(check_network(net, laid, Scaler.fit(train), train, "net")) == []


def test_one_leaking_network_is_told_in_full_and_none_of_none_is_told():
    fine, leak = (Finding(check="later rows", severity=s, text=f"It is {s}.") for s in ("fine", "leak"))
    assert told({}, [6]) == ()
    assert told({"a": [fine], "b": [fine, leak]}, [6]) == (leak,)
    [several] = told({"a": [leak], "b": [fine, leak], "c": [fine]}, [6])
    assert several.text == "2 of 3 networks: a, b. Of the first: It is leak."
