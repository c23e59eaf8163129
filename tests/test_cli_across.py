"""heedful compare on several tables: each by itself, then all together, whatever becomes of one of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from heedful import cli
from heedful.cli.compare import folder_of, names_of, targets_of
from heedful.errors import DataError, OptionError

runner = CliRunner()


def write(path: Path, seed: int, target: str = "sales") -> Path:
    t = np.arange(260)
    noise = np.random.default_rng(seed).normal(size=260)
    values = 20 + 5 * np.sin(t / 7 * 2 * np.pi) + noise
    path.parent.mkdir(parents=True, exist_ok=True)
    days = pd.date_range("2023-01-02", periods=260, freq="D")
    pd.DataFrame({"day": days, target: values}).to_csv(path, index=False)
    return path


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / f"{name}.csv", seed) for seed, name in enumerate(("north", "south", "west"))]


def run(*words: object):
    return runner.invoke(cli.app, [str(word) for word in words])


def compare(tables: list[Path], out: Path, *more: object):
    words = ("compare", *tables, "--window", 5, "--jobs", 1, "--out", out)
    return run(*words, *more) if "--target" in more else run(*words, "--target", "sales", *more)


BASELINES = ("--models", "persistence")


def test_every_table_has_its_own_run_and_all_of_them_one_page(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = compare(tables, out, *BASELINES)
    assert done.exit_code == 0, done.output
    for name in ("north", "south", "west"):
        assert (out / name / "report.html").exists()
        assert (out / name / "run.json").exists()
    assert "Too few data sets (3)" in done.stdout
    assert "Report over all:" in done.stdout
    frame = pd.read_csv(out / "across.csv")
    assert frame["data"].unique().tolist() == ["north", "south", "west"]
    scores = pd.read_csv(out / "west" / "scores.csv").query("split == 'test' and metric == 'skill'")
    skill = scores.query("model == 'ridge'")["value"].item()
    found = frame.query("data == 'west' and model == 'ridge'")["relative_mse"].item()
    assert found == pytest.approx((1 - skill) ** 2)
    assert sorted(p.name for p in out.iterdir()) == ["across.csv", "across.html", "north", "south", "west"]
    assert '<a href="west/report.html">' in (out / "across.html").read_text(encoding="utf-8")


def test_one_table_alone_has_no_page_over_all(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compare(tables[:1], out, *BASELINES).exit_code == 0
    assert (out / "report.html").exists()
    assert not list(out.glob("across*"))


def test_targets_may_differ_from_table_to_table(tables: list[Path], tmp_path: Path) -> None:
    tables[1] = write(tmp_path / "other.csv", 5, target="load")
    words = ("--target", "sales", "--target", "load", "--target", "sales")
    done = compare(tables, tmp_path / "out", *BASELINES, *words)
    assert done.exit_code == 0, done.output
    assert re.search(r"<td>load</td>", (tmp_path / "out" / "across.html").read_text(encoding="utf-8"))


def test_a_table_that_fails_is_named_and_the_rest_is_done(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    other = write(tmp_path / "other.csv", 5, target="load")
    done = compare([tables[0], tmp_path / "gone.csv", other, tables[1]], out, *BASELINES)
    assert done.exit_code == cli.WRONG_INPUT
    assert "heedful: gone: " in done.stderr
    assert "heedful: other: " in done.stderr
    assert "heedful: 2 could not be compared: gone, other." in done.stderr
    assert sorted(p.name for p in out.iterdir()) == ["across.csv", "across.html", "north", "south"]
    assert "other could not be compared: " in (out / "across.html").read_text(encoding="utf-8")


def test_a_page_that_no_longer_holds_is_taken_away(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compare(tables[:2], out, *BASELINES).exit_code == 0
    tables[1].unlink()
    done = compare(tables[:2], out, *BASELINES)
    assert done.exit_code == cli.WRONG_INPUT
    assert "there is no page over all of them" in done.stdout
    assert sorted(p.name for p in out.iterdir()) == ["north", "south"]


def test_where_every_table_fails_nothing_is_written(tables: list[Path], tmp_path: Path) -> None:
    done = compare(tables, tmp_path / "out", *BASELINES, "--target", "sale")
    assert done.exit_code == cli.WRONG_INPUT
    assert done.stderr.count("Did you mean 'sales'") == 3
    assert not (tmp_path / "out").exists()


def test_a_round_in_which_every_table_fails_takes_nothing_away(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compare(tables[:2], out, *BASELINES).exit_code == 0
    before = {path: path.read_bytes() for path in out.glob("across*")}
    assert compare(tables[:2], out, *BASELINES, "--target", "sale").exit_code == cli.WRONG_INPUT
    assert len(before) == 2
    assert {path: path.read_bytes() for path in out.glob("across*")} == before


def test_files_of_that_name_that_heedful_did_not_write_stay(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("across.csv", "across.html"):
        (out / name).write_text("mine", encoding="utf-8")
    tables[1].unlink()
    assert compare(tables[:2], out, *BASELINES).exit_code == cli.WRONG_INPUT
    assert [(out / name).read_text(encoding="utf-8") for name in ("across.csv", "across.html")] == ["mine", "mine"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--attention", "ecaa"), "Did you mean 'eca'"),
        (("--models", "cnn-lstmm"), "Did you mean 'cnn-lstm'"),
        (("--language", "de"), "Unknown language 'de'"),
        (("--engine", "local", "--scheduler", "tcp://nowhere:1"), "is for --engine dask"),
        (("--keep", "some"), "keep knows all, best, none"),
        (("--horizon", "0"), "needs horizon to be a whole number"),
        (("--seeds", "0"), "needs at least one seed"),
        (("--log", "paper"), "Unknown log 'paper'"),
        (("--max-minutes", "-1"), "max_minutes above 0, got -1.0"),
    ],
)
def test_what_is_wrong_for_all_tables_is_said_once(
    words: tuple[str, ...], told: str, tables: list[Path], tmp_path: Path
) -> None:
    done = compare(tables, tmp_path / "out", *words)
    assert done.exit_code == cli.WRONG_INPUT
    assert done.stderr.count(told) == 1
    assert "could not be compared" not in done.output
    assert not (tmp_path / "out").exists()


def test_time_that_is_up_ends_the_round_even_if_no_table_was_compared(tables: list[Path], tmp_path: Path) -> None:
    done = compare(tables, tmp_path / "out", *BASELINES, "--target", "sale", "--max-minutes", 1e-9)
    assert done.exit_code == cli.STOPPED
    assert "max_minutes" not in done.output


def test_the_same_command_continues_and_trains_nothing_again(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--models", "cnn-lstm", "--seeds", 1, "--epochs", 1)
    assert compare(tables[:2], out, *words).exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/trials/*")}
    page = (out / "across.html").read_bytes()
    (out / "across.html").unlink()
    assert compare(tables[:2], out, *words).exit_code == 0
    assert before
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/trials/*")} == before
    assert (out / "across.html").read_bytes() == page


def test_ctrl_c_ends_the_round_and_the_rest_is_not_begun(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = "from heedful.cli import main; main()"
    words = ["compare", *tables, "--target", "sales", "--window", 5, "--models", "cnn-lstm", "--epochs", 100_000]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words), "--jobs", "1", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    for _ in range(600):
        if list(out.glob("north/trials/*")) or process.poll() is not None:
            break
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == cli.STOPPED, stderr
    assert "The same command continues" in stdout or "the same command continues" in stdout
    assert "Traceback" not in stderr
    assert [path.name for path in out.iterdir()] == ["north"]


def test_the_time_is_that_of_all_tables_together(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = compare(tables, out, "--models", "cnn-lstm", "--epochs", 100_000, "--seeds", 1, "--max-minutes", 0.05)
    assert done.exit_code == cli.STOPPED
    assert not (out / "south").exists()
    wrong = compare(tables, tmp_path / "none", *BASELINES, "--max-minutes", 0)
    assert wrong.exit_code == cli.WRONG_INPUT


def test_the_page_is_in_the_language_asked_for(tables: list[Path], tmp_path: Path) -> None:
    assert compare(tables[:2], tmp_path / "out", *BASELINES, "--language", "zh").exit_code == 0
    assert '<html lang="zh">' in (tmp_path / "out" / "across.html").read_text(encoding="utf-8")


def test_quiet_prints_no_notes_but_how_far_it_goes(tables: list[Path], tmp_path: Path) -> None:
    done = compare(tables, tmp_path / "out", *BASELINES, "--quiet")
    assert "note:" not in done.stdout
    assert "Too few data sets (3)" in done.stdout


def test_tables_of_one_name_are_numbered(tmp_path: Path) -> None:
    asked = [("a/load.csv", None), ("b/load.csv", None), ("load-2.csv", None), ("../..", None)]
    assert names_of(asked) == ["load", "load-2", "load-2-2", "table"]


def test_the_same_table_twice_is_refused_but_for_another_target() -> None:
    with pytest.raises(OptionError, match="takes each table and target once"):
        names_of([("load.csv", "x"), ("./load.csv", "x")])
    assert names_of([("load.csv", "x"), ("load.csv", "y")]) == ["load", "load-2"]


def test_a_number_of_targets_that_fits_no_table_is_wrong_usage(tables: list[Path], tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="3 in all, got 2"):
        targets_of(["a", "b"], 3)
    done = compare(tables, tmp_path / "out", "--target", "a", "--target", "b")
    assert done.exit_code == cli.USAGE
    assert compare(tables[:1], tmp_path / "out", "--target", "a", "--target", "b").exit_code == cli.USAGE


def test_the_folder_of_a_single_run_is_refused(tables: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert compare(tables[:1], out, *BASELINES).exit_code == 0
    done = compare(tables, out, *BASELINES)
    assert done.exit_code == cli.WRONG_INPUT
    assert "a file or holds one run. Give another" in done.stderr
    with pytest.raises(DataError, match="needs a folder for 2 tables"):
        folder_of(str(tables[0]), [("a", None), ("b", None)], {})


def test_the_folder_named_by_itself_is_the_same_while_the_same_is_read() -> None:
    asked = [("a.csv", "x"), ("b.csv", "x")]
    first = folder_of("auto", asked, {"window": 5, "seeds": 3})
    assert first.parts[0] == "heedful-runs"
    assert first.name.startswith("a-b-")
    assert folder_of("auto", asked, {"window": 5, "seeds": 5}) == first
    assert folder_of("auto", asked, {"window": 6, "seeds": 3}) != first
    assert folder_of("auto", [("a.csv", "x"), ("b.csv", "y")], {"window": 5, "seeds": 3}) != first
