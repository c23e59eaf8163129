"""heedful classify and predict on the command line: what is printed of recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from heedful.cli import app

QUICK = ["--models", "wdcnn", "--seeds", "1", "--epochs", "1", "--jobs", "1", "--window", "60", "--folds", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place, rng = tmp_path_factory.mktemp("signals"), np.random.default_rng(0)
    for label, level in (("calm", 1.0), ("loud", 5.0)):
        (place / label).mkdir()
        for number in range(6):
            frame = pd.DataFrame({"x": rng.normal(0, level, 240), "y": rng.normal(size=240)})
            frame.to_csv(place / label / f"{label}{number}.csv", index=False)
    return place


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, list(words), env={"COLUMNS": "160"})
    return found.exit_code, found.output


def test_classes_and_whole_numbers_are_printed_and_positions_are_channels(folder: Path, tmp_path: Path) -> None:
    words = ["classify", str(folder), "--channels", "0", "--augment", "none", "--out", str(tmp_path / "out"), *QUICK]
    code, text = run(*words)
    assert code == 0, text
    assert "1 channel;" in text
    assert "wdcnn, class by class" in text
    [calm] = [line.split() for line in text.splitlines() if line.strip().startswith("calm ")]
    assert calm[-1].isdecimal()
    [wdcnn] = [line.split() for line in text.splitlines() if line.strip().startswith("wdcnn ")]
    assert wdcnn[-2].replace(",", "").isdecimal()
    assert "LEAKY" not in text
    bundle = str(tmp_path / "out" / "models" / "wdcnn" / "0")
    plain, scaled = (
        run("predict", bundle, str(folder), "--channels", "x", *more) for more in ([], ["--scale", "1000"])
    )
    assert plain[0] == scaled[0] == 0
    assert plain[1] != scaled[1]


def test_a_leaky_table_says_so_even_when_quiet(folder: Path, tmp_path: Path) -> None:
    words = ["classify", str(folder), "--split", "random-windows", "--out", str(tmp_path / "out"), *QUICK]
    code, text = run(*words, "--quiet")
    assert code == 0, text
    assert "LEAKY SPLIT, no evidence" in text
    assert "class by class" not in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--sizes", "0,0,1"], "three shares"),
        (["--augment", "some"], "--augment knows none and default"),
        (["--augment", "none", "--jitter", "0.1"], "Give one"),
    ],
)
def test_words_that_cannot_be_obeyed_are_refused(folder: Path, tmp_path: Path, words: list[str], told: str) -> None:
    code, text = run("classify", str(folder), "--out", str(tmp_path / "out"), "--models", "wdcnn", *words)
    assert code == 1
    assert told in text
    assert not (tmp_path / "out").exists()
