"""heedful explain on the command line: what is printed, and what is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import heedful
from heedful.cli import app
from heedful.models.plan import Attention, Plan, Recurrence
from heedful.train import Recipe


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, list(words), env={"COLUMNS": "160"})
    return found.exit_code, found.output


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose target follows a second column, a bundle that learned it, and tables that do not fit."""
    folder, rng = tmp_path_factory.mktemp("explained"), np.random.default_rng(0)
    sign = rng.normal(size=1203)
    target = sign[:-3] + 0.1 * rng.normal(size=1200)
    stamps = pd.date_range("2024-01-01", periods=1200, freq="h")
    table = pd.DataFrame({"time": stamps, "load": target, "sign": sign[3:]})
    table.to_csv(folder / "table.csv", index=False)
    table.drop(columns="sign").to_csv(folder / "lacking.csv", index=False)
    table.assign(sign=rng.permutation(table["sign"])).to_csv(folder / "noise.csv", index=False)
    plan = Plan(recurrence=Recurrence(kind="gru", width=16), attention=Attention(name="multi_head"))
    recipe = Recipe(epochs=15, learning_rate=1e-2, batch=32)
    heedful.fit(folder / "table.csv", "load", plan=plan, window=16, recipe=recipe, out=folder / "bundle")
    (folder / "none").mkdir()
    return folder


def test_the_verdict_and_the_place_of_the_report_are_printed(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "made"
    words = ["explain", str(place / "bundle"), str(place / "table.csv"), "--windows", "24", "--out", str(out)]
    code, text = run(*words, "--formats", "")
    assert code == 0, text
    for part in ("What it looks at", "encoder.attention.mechanism", "multi_head", "forward passes", "Verdict", "Used:"):
        assert part in text
    assert "Show the attention map to a customer" in text
    assert f"Report: {out / 'report.html'}" in text
    assert (out / "report.html").exists()
    assert not (out / "figures").exists()
    code, text = run(*words, "--formats", "")
    assert code == 1
    assert "--overwrite" in text


def test_quiet_prints_the_verdict_and_the_report_alone(place: Path, tmp_path: Path) -> None:
    words = ["explain", str(place / "bundle"), str(place / "table.csv"), "--windows", "24", "--formats", ""]
    code, text = run(*words, "--out", str(tmp_path / "made"), "--quiet")
    assert code == 0, text
    assert "What it looks at" not in text
    assert "forward passes" not in text
    assert "Used:" in text
    assert text.rstrip().endswith("report.html")


@pytest.mark.parametrize(
    ("bundle", "table", "more", "told"),
    [
        ("none", "table.csv", [], "bundle"),
        ("nowhere", "table.csv", [], "bundle"),
        ("bundle", "lacking.csv", [], "sign"),
        ("bundle", "nowhere.csv", [], "nowhere.csv"),
        ("bundle", "noise.csv", [], "does not predict"),
        ("bundle", "table.csv", ["--class", "IR"], "knows no class"),
        ("bundle", "table.csv", ["--speed", "1800"], "no speed"),
        ("bundle", "table.csv", ["--label", "x"], "about recordings"),
        ("bundle", "table.csv", ["--step", "9"], "no step 9"),
        ("bundle", "table.csv", ["--at", "2001-01-01"], "are explained from"),
        ("bundle", "table.csv", ["--windows", "5"], "at least 20 windows"),
        ("bundle", "table.csv", ["--formats", "gif"], "gif"),
        ("bundle", "table.csv", ["--language", "xx"], "xx"),
    ],
)
def test_what_cannot_be_explained_is_answered_and_nothing_is_written(
    place: Path, tmp_path: Path, bundle: str, table: str, more: list[str], told: str
) -> None:
    out = tmp_path / "made"
    words = ["--windows", "24", "--out", str(out), *more]
    code, text = run("explain", str(place / bundle), str(place / table), *words)
    assert code == 1, text
    assert told in text
    assert "Traceback" not in text
    assert not out.exists()


def test_a_bearing_that_is_no_numbers_is_a_wrong_use(place: Path) -> None:
    code, text = run("explain", str(place / "bundle"), str(place / "table.csv"), "--bearing", "9,x")
    assert code == 2
    assert "--bearing needs numbers" in text


def test_a_network_that_does_not_predict_is_explained_where_that_is_wanted(place: Path, tmp_path: Path) -> None:
    words = ["--windows", "24", "--anyway", "--quiet", "--formats", "", "--out", str(tmp_path / "made")]
    code, text = run("explain", str(place / "bundle"), str(place / "noise.csv"), *words)
    assert code == 0, text
    assert "The network does not predict these windows" in text
