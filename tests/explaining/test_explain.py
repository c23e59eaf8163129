"""heedful explain: the whole way from a bundle and its data to a verdict and its files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

import heedful
from heedful.bundle import Bundle
from heedful.data.split import Span
from heedful.data.windows import windows
from heedful.errors import DataError, OptionError, UnknownName
from heedful.explaining import tables
from heedful.explaining.case import blocks
from heedful.explaining.run import explain
from heedful.models.plan import Attention, Plan, Recurrence
from heedful.train import Recipe

ROWS, LAG = 1200, 3


def marked(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A target that follows, a few rows later, what a second column did."""
    rng = np.random.default_rng(seed)
    sign = rng.normal(size=rows + LAG)
    target = sign[:-LAG] + 0.1 * rng.normal(size=rows)
    stamps = pd.date_range("2024-01-01", periods=rows, freq="h")
    return pd.DataFrame({"time": stamps, "load": target, "sign": sign[LAG:]})


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return marked()


@pytest.fixture(scope="module")
def bundle(table, tmp_path_factory) -> Bundle:
    heads = Attention(name="multi_head", options={"heads": 2})
    plan = Plan(recurrence=Recurrence(kind="gru", width=16), attention=heads)
    return heedful.fit(
        table,
        "load",
        plan=plan,
        window=16,
        horizon=2,
        recipe=Recipe(epochs=15, learning_rate=1e-2, batch=32),
        out=tmp_path_factory.mktemp("explained") / "bundle",
    )


@pytest.fixture(scope="module")
def found(bundle, table):
    return explain(bundle, table, windows=40, at="2024-02-18 00:00")


def test_maps_lie_over_the_stamps_of_rows_that_training_did_not_see(found, bundle, table):
    last = pd.Timestamp(bundle.facts["split"]["validation"]["to"])
    newest = pd.DatetimeIndex(found.times[:, -1])
    assert (newest >= last).all()  # the first forecast is of the row after it
    assert found.maps["occlusion"].shape == found.times.shape == found.real.shape
    assert any("newest that training" in note for note in found.notes)
    shown = found.shown[0]
    assert shown.times[-1] == np.datetime64("2024-02-18 00:00")
    row = table.index[table["time"] == pd.Timestamp("2024-02-18 00:00")][0]
    np.testing.assert_allclose(shown.values[:, 0], table["load"][row - 15 : row + 1])
    np.testing.assert_allclose(shown.truth[:, 0], table["load"][row + 1 : row + 3])


def test_the_weights_are_those_that_the_network_used(found, bundle):
    look = next(look for look in found.looks if look.time is not None)
    np.testing.assert_allclose(look.time.sum(1), 1, atol=1e-5)
    assert look.padding.max() == 0


def test_occlusion_finds_the_rows_that_a_forecast_rests_on(found):
    # The next two values follow what the second column did in the last rows but one and two.
    assert set(found.maps["occlusion"].mean(0).argsort()[-2:]) <= {12, 13, 14, 15}
    assert found.truths["occlusion"].true


def test_every_part_of_the_work_is_on_the_bill(found):
    for name in ("occlusion", "integrated gradients", "gradient x input"):
        assert 0 < found.passes[name] <= 100 * len(found.windows)
    assert {"weights", "usage", "truth", "untrained networks"} <= set(found.passes)


def test_the_verdict_says_used_needed_true_and_whether_to_show_it(found):
    heads = dict.fromkeys(line.split(":")[0] for line in found.verdict)
    for head in ("Used", "Needed", "True", "Learned"):
        assert head in heads
    assert found.verdict[-1].startswith("Show the attention map to a customer")


def test_files_are_tidy_and_real(found, bundle, table, tmp_path):
    out = tmp_path / "made"
    explain(bundle, table, windows=24, out=out, formats=("svg",))
    told = json.loads((out / "explanation.json").read_text())
    assert told["windows"] == 24
    maps = pd.read_csv(out / "maps.csv", parse_dates=["time"])
    assert set(maps["map"]) >= {"occlusion", "integrated gradients"}
    assert maps.groupby(["window", "map"]).size().unique().tolist() == [16]
    assert maps["time"].isin(table["time"]).all()
    weights = pd.read_csv(out / "weights.csv")
    parts = weights[weights["part"] == "time"].groupby(["window", "weights"])["value"].sum()
    np.testing.assert_allclose(parts, 1, atol=1e-4)
    assert "<svg" in next((out / "figures").glob("*.svg")).read_text()
    assert "http" not in (out / "report.html").read_text().replace("http://www.w3.org", "").split("<body")[0]
    with pytest.raises(DataError, match="overwrite"):
        explain(bundle, table, windows=24, out=out)


def test_a_step_of_the_forecast_is_explained_alone(bundle, table):
    one = explain(bundle, table, windows=24, step=1).maps["occlusion"]
    two = explain(bundle, table, windows=24, step=2).maps["occlusion"]
    assert one.mean(0).argmax() + 1 == two.mean(0).argmax()
    with pytest.raises(OptionError, match="no step 3"):
        explain(bundle, table, windows=24, step=3)


def test_networks_trained_again_say_whether_weights_are_needed(bundle, table):
    found = explain(bundle, table, windows=24, retrain=1)
    assert set(found.needed) == {"as it is", "uniform weights"}
    assert {one.check for one in found.sanity} == {"untrained", "seeds", "labels"}
    assert not any("not asked" in line for line in found.verdict)


@pytest.mark.parametrize("model", ["cnn-lstm+additive", "heedful+additive"])
def test_a_network_is_trained_again_by_the_recipe_of_the_first(table, model):
    recipe = Recipe(epochs=3, learning_rate=3e-3, schedule="constant")
    made = heedful.fit(table, "load", time="time", model=model, window=16, recipe=recipe, seeds=1)
    case, _ = tables.read(made, table, most=20)
    seed = made.facts["seed"]
    again = case.trained(case.build(seed), seed).state_dict()
    assert all(torch.equal(again[name], value) for name, value in made.state.items())


def test_the_same_seed_gives_the_same_explanation(found, bundle, table):
    again = explain(bundle, table, windows=40, at="2024-02-18 00:00")
    assert again.verdict == found.verdict
    np.testing.assert_array_equal(again.maps["occlusion"], found.maps["occlusion"])


def test_a_network_and_its_windows_are_explained_without_a_bundle(bundle, table):
    from heedful.data.build import build_series
    from heedful.data.table import read

    series = build_series(read(table), ("load",), time="time")
    span = Span(series=series, part="test", start=1100, stop=ROWS)
    found = explain(bundle.network(), windows(span, 16, 2), windows=24, scaler=bundle.scaler)
    assert len(found.windows) == 24
    with pytest.raises(OptionError, match="Windows or Cuts and their scaler"):
        explain(bundle.network(), table)


# --- what cannot be explained ---------------------------------------------------------------------------------


def test_a_model_without_attention_is_refused(table):
    plain = heedful.fit(table, "load", plan=Plan(), window=16, recipe=Recipe(epochs=1))
    with pytest.raises(OptionError, match="attention"):
        explain(plain, table, windows=24, anyway=True)


def test_a_network_that_does_not_predict_is_refused_but_for_anyway(bundle, table):
    noise = table.assign(sign=np.random.default_rng(1).permutation(table["sign"]))
    with pytest.raises(DataError, match="does not predict"):
        explain(bundle, noise, windows=24)
    found = explain(bundle, noise, windows=24, anyway=True)
    assert found.verdict[0].startswith("The network does not predict")
    assert found.verdict[-1].endswith("no.")


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"at": "2023-01-01"}, OptionError, "are explained from"),
        ({"at": "noon"}, OptionError, "needs a stamp"),
        ({"window": 10**6}, OptionError, "There are windows"),
        ({"window": "x"}, OptionError, "the number of a window"),
        ({"window": 1, "at": "2024-02-18"}, OptionError, "got both"),
        ({"of_class": "IR"}, OptionError, "knows no class"),
        ({"label": "x"}, OptionError, "about recordings"),
        ({"windows": 3}, OptionError, "at least 20 windows"),
        ({"formats": ("gif",)}, UnknownName, "gif"),
        ({"language": "xx"}, UnknownName, "xx"),
        ({"bearing": (9, 7.94)}, OptionError, "bearing needs"),
        ({"bearing": (9, 7.94, 39.0)}, OptionError, "need the shaft's speed"),
    ],
)
def test_wrong_words_are_answered(bundle, table, change, error, said):
    with pytest.raises(error, match=said):
        explain(bundle, table, **({"windows": 24} | change))


def test_a_table_of_other_columns_or_too_few_rows_is_refused(bundle, table):
    with pytest.raises(UnknownName, match="sign"):
        explain(bundle, table.drop(columns="sign"), windows=24)
    with pytest.raises(DataError, match=r"at least|fits"):
        explain(bundle, table.iloc[-20:], windows=24)


def test_nothing_is_written_when_an_explanation_is_refused(bundle, table, tmp_path):
    with pytest.raises(OptionError):
        explain(bundle, table, windows=24, step=9, out=tmp_path / "made")
    assert not (tmp_path / "made").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="holds other files"):
        explain(bundle, table, windows=24, out=tmp_path / "full", overwrite=True)


def test_few_owners_are_cut_in_time_and_many_are_kept():
    assert blocks(list("aaaabbbb"), most=4).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert blocks(list("abcd"), most=4).tolist() == [0, 1, 2, 3]


def test_a_minmax_scale_is_moved_so_that_nothing_is_the_mean(table):
    made = heedful.fit(table, "load", model="attention_lstm", window=16, recipe=Recipe(epochs=2))
    case, _ = heedful.explaining.tables.read(made, table, most=24)
    rows = torch.arange(24)
    plain = made.ready(case.subject.x + (case.offset if case.offset is not None else 0))
    torch.testing.assert_close(case.subject.answers(case.subject.x, rows), plain.flatten(1))
