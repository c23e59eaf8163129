from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import heedful
from heedful.bundle import Bundle
from heedful.data import Scaler, Span, build_series, read
from heedful.errors import DataError, OptionError
from heedful.train import Recipe
from heedful.trial.audit import audit
from heedful.trial.audit.bundles import check_bundle

SHORT = Recipe(epochs=1, batch=64)


def table(rows: int = 300) -> pd.DataFrame:
    rng, t = np.random.default_rng(0), np.arange(rows)
    plan = (rng.random(rows) < 0.3).astype(float)
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "load": 50 + 6 * np.sin(t / 24 * 2 * np.pi) + 5 * plan + rng.normal(size=rows),
            "heat": 20 + rng.normal(size=rows).cumsum(),
            "plan": plan,
            "wind": rng.choice(["north", "south"], size=rows),
        }
    )
    frame.loc[40:43, "heat"] = np.nan
    return frame.drop(index=[60, 250])


def shops() -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "shop": name,
                "day": pd.date_range(end="2023-06-30", periods=rows, freq="D"),
                "sales": level * (1 + 0.1 * np.random.default_rng(rows).normal(size=rows)),
            }
        )
        for name, rows, level in (("north", 160, 10.0), ("south", 110, 1000.0))
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    table().to_csv(folder / "table.csv", index=False)
    heedful.compare(
        folder / "table.csv", "load", window=8, horizon=2, models="cnn-lstm", seeds=1, recipe=SHORT, jobs=1,
        known=["plan"], past=["heat", "wind"], calendar=True, out=folder / "run",
    )  # fmt: skip
    return folder / "run"


@pytest.fixture(scope="module")
def bundle(run) -> Bundle:
    return Bundle.load(run / "models" / "cnn-lstm" / "0")


def test_a_run_is_clean_and_every_bundle_of_it_was_checked(run):
    made = audit(run)
    assert made.clean, str(made)
    told = {found.check: found.text for found in made.findings}
    assert {"spans", "windows", "future", "copies", "gaps", "scaler", "later rows"} <= set(told)
    assert told["later rows"].startswith("At 6 origins of the test part no later row changed a bit")
    assert "data" not in told


@pytest.mark.parametrize(
    ("frame", "target", "words"),
    [
        (table(), "load", {}),
        (table(), ["load", "heat"], {"mask": True, "model": "attention-gru"}),
        (table().drop(columns="when"), "load", {}),
        (shops(), "sales", {"series": "shop"}),
    ],
    ids=["one target", "two targets and masks", "no stamps", "a panel"],
)
def test_a_fit_is_clean(frame, target, words, tmp_path):
    heedful.fit(
        frame,
        target,
        **{"model": "cnn-lstm", "window": 6, "horizon": 2, "recipe": SHORT, "out": tmp_path / "b", **words},
    )
    made = audit(tmp_path / "b", table=frame)
    assert made.clean, str(made)
    assert not made.warnings, str(made)
    assert {"scaler", "later rows", "spans"} <= {found.check for found in made.findings}


def test_a_scaler_of_all_rows_in_a_bundle_is_found(bundle):
    series = build_series(
        read(table()), "load", known=["plan"], past=["heat", "wind"], calendar=True, like=bundle.scaler.columns,
        codes=bundle.reading.codes, levels=bundle.reading.levels, step=bundle.step,
    )  # fmt: skip
    everything = Scaler.fit(Span(series=series, part="train", start=0, stop=len(series)))
    told = check_bundle(replace(bundle, scaler=everything), read(table()))
    assert [found.check for found in told if found.severity == "leak"] == ["scaler"]
    hidden = check_bundle(replace(bundle, scaler=replace(everything, rows=bundle.scaler.rows)), read(table()))
    assert [found.check for found in hidden if found.severity == "leak"] == ["scaler"]


class Peeking(Scaler):
    """A scaler with the right numbers that also looks at all rows of the table."""

    def batch(self, windows, index):
        found = super().batch(windows, index)
        return found._replace(x=found.x + np.float32(windows.span.series.values[:, 0].mean()))


def test_a_forecast_that_later_rows_change_is_found(bundle):
    fields = {name: getattr(bundle.scaler, name) for name in bundle.scaler.__dataclass_fields__}
    told = check_bundle(replace(bundle, scaler=Peeking(**fields)), read(table()))
    (found,) = (found for found in told if found.severity == "leak")
    assert found.check == "later rows"
    assert "At 6 of 6 origins rows after the origin changed the forecast of cnn-lstm, seed 0" in found.text


def test_another_table_is_told_and_its_scale_is_not_judged(bundle, run):
    other = table().assign(load=lambda t: t["load"] * 2)
    told = check_bundle(bundle, read(other))
    assert [found.check for found in told if found.severity == "warning"] == ["data"]
    assert not [found for found in told if found.check == "scaler"]
    assert "not as it was" in audit(run, table=other).warnings[0].text


def test_a_run_whose_parts_overlap_is_found(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    told = json.loads((run / "run.json").read_text())
    told["split"]["train"]["rows"][1] += 40
    (tmp_path / "run" / "run.json").write_text(json.dumps(told))
    assert "spans" in {found.check for found in audit(tmp_path / "run").leaks}


def test_a_bundle_without_its_table_says_what_to_give(bundle, run, tmp_path):
    with pytest.raises(DataError, match="Give it with --table"):
        audit(bundle)
    with pytest.raises(DataError, match="Give it with --table"):
        audit(run / "models" / "cnn-lstm" / "0")
    shutil.copytree(run, tmp_path / "run")
    told = json.loads((run / "run.json").read_text())
    (tmp_path / "run" / "run.json").write_text(json.dumps(told | {"source": "pandas frame"}))
    with pytest.raises(DataError, match=r"'table' from pandas frame, is not there"):
        audit(tmp_path / "run")
    assert audit(tmp_path / "run", table=table()).clean
    with pytest.raises(DataError, match="the table has 101"):
        audit(bundle, table=table().iloc[:100])
    with pytest.raises(DataError, match="which rows it was trained on"):
        audit(replace(bundle, facts={}), table=table())


def test_a_folder_that_is_no_run_is_refused(tmp_path, run):
    with pytest.raises(DataError, match="neither a run"):
        audit(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        audit(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(DataError, match="no run of Heedful"):
        audit(tmp_path)
    with pytest.raises(OptionError, match="audited as it is"):
        audit(run, "load")
