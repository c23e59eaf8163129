from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from heedful import cli
from heedful.cli import options

runner = CliRunner()


@pytest.fixture
def table(tmp_path):
    t = np.arange(260)
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2023-01-02", periods=260, freq="D"),
            "sales": 20 + 5 * np.sin(t / 7 * 2 * np.pi) + np.random.default_rng(0).normal(size=260),
            "shop": "north",
        }
    )
    path = tmp_path / "sales.csv"
    frame.to_csv(path, index=False)
    return path


def run(*words: object):
    return runner.invoke(cli.app, [str(w) for w in words])


def compare(table, out, *more: object):
    return run("compare", table, "--target", "sales", "--models", "persistence", "--jobs", 1, "--out", out, *more)


def test_compare_prints_the_table_and_names_the_report(table, tmp_path):
    done = compare(table, tmp_path / "out")
    assert done.exit_code == 0, done.output
    for word in ("persistence", "ridge", "MAE", "MASE", "skill", "season 7", "'shop'", "report.html"):
        assert word in done.stdout.replace("\n", " ") or word.strip("'") in done.stdout
    assert (tmp_path / "out" / "report.html").stat().st_size > 1000


def test_quiet_prints_the_table_and_no_notes(table, tmp_path):
    done = compare(table, tmp_path / "out", "--quiet")
    assert "ridge" in done.stdout
    assert "note:" not in done.stdout


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("compare", "no-such.csv", "--target", "y"), "no-such.csv"),
        (("compare", "TABLE", "--target", "sale"), "Did you mean 'sales'"),
        (("compare", "TABLE", "--target", "shop"), "shop"),
        (("compare", "TABLE"), "needs a target"),
        (("compare", "TABLE", "--target", "sales", "--models", "lstm"), "Unknown model 'lstm'"),
        (("predict", "no-bundle", "TABLE"), "Give the folder that holds"),
        (("fit", "TABLE", "--target", "sale"), "Did you mean 'sales'"),
        (("fit", "TABLE"), "fit needs a target"),
        (("fit", "TABLE", "--target", "sales", "--model", "lstmm"), "Unknown model 'lstmm'"),
        (("fit", "TABLE", "--target", "sales", "--known", "sales"), "sales"),
        (("backtest", "TABLE", "--target", "sales", "--refit", "daily"), "'always', 'never'"),
        (("list", "atention"), "Did you mean 'attention'"),
    ],
)
def test_wrong_input_exits_with_one_and_one_message(table, tmp_path, monkeypatch, words, advice):
    monkeypatch.chdir(tmp_path)
    done = run(*(table if w == "TABLE" else w for w in words))
    assert done.exit_code == cli.WRONG_INPUT
    assert advice in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["sales.csv"]


def test_wrong_usage_exits_with_two(table):
    assert run("compare", table, "--horizon", "soon").exit_code == cli.USAGE
    assert run("compare", table, "--no-such-option").exit_code == cli.USAGE
    assert run("compare", table, "--target", "sales", "--split", "most").exit_code == cli.USAGE
    assert run("fit", table, "--target", "sales", "--levels", "high").exit_code == cli.USAGE


def test_our_own_bug_exits_with_seventy_and_asks_for_a_report(table, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a bug")

    monkeypatch.setattr("heedful.trial.run.cut", broken)
    done = compare(table, tmp_path / "out")
    assert done.exit_code == cli.OUR_BUG
    assert "Please report" in done.stderr


@pytest.mark.parametrize("what", ["attention", "models", "samples"])
def test_list_names_what_there_is(what):
    done = run("list", what)
    assert done.exit_code == 0
    assert {"attention": "eca", "models": "cnn_lstm", "samples": "co2"}[what] in done.stdout


def test_predict_continues_the_table_with_real_stamps(table, tmp_path):
    out = tmp_path / "out"
    made = run(
        "compare", table, "--target", "sales", "--models", "cnn-lstm", "--seeds", 1, "--epochs", 1,
        "--horizon", 2, "--jobs", 1, "--out", out,
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    done = run("predict", out / "models" / "cnn-lstm" / "0", table)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "time,step,predicted"
    assert done.stdout.splitlines()[1].startswith("2023-09-19")
    written = run("predict", out / "models" / "cnn-lstm" / "0", table, "--out", tmp_path / "next.csv")
    assert written.exit_code == 0
    assert (tmp_path / "next.csv").read_text() == done.stdout


def fit(table, out, *more: object):
    return run("fit", table, "--target", "sales", "--model", "cnn-lstm", "--epochs", 1, "--out", out, *more)


def test_fit_prints_spans_scores_and_the_next_command_which_works(table, tmp_path):
    done = fit(table, tmp_path / "out", "--horizon", 2)
    assert done.exit_code == 0, done.output
    for word in ("train", "2023-01-02", "'shop'", "persistence", "ridge", "MASE", "in 80 %", "width", "Bundle:"):
        assert word in done.stdout.replace("\n", " ") or word.strip("'") in done.stdout
    command = shlex.split(done.stdout.splitlines()[-1].removeprefix("Next: heedful "))
    told = run(*command, "--levels", "0.5,0.9")
    assert told.exit_code == 0, told.output
    assert told.stdout.splitlines()[0] == "time,step,predicted,lower_50,upper_50,lower_90,upper_90"
    assert [line[:12] for line in told.stdout.splitlines()[1:]] == ["2023-09-19,1", "2023-09-20,2"]
    assert run(*command, "--levels", "").stdout.splitlines()[0] == "time,step,predicted"
    refused = run(*command, "--levels", "0.999")
    assert refused.exit_code == cli.WRONG_INPUT
    assert "0.999" in refused.stderr


def test_fit_names_its_folder_itself_and_quiet_prints_the_scores_alone(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("fit", table, "--target", "sales", "--model", "cnn-lstm", "--epochs", 1, "--quiet")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "heedful-runs" / "sales-sales-cnn-lstm-1-ahead" / "bundle.json").exists()
    assert "note:" not in done.stdout
    assert "Next:" not in done.stdout
    again = run("fit", table, "--target", "sales", "--model", "cnn-lstm", "--epochs", 1)
    assert again.exit_code == cli.WRONG_INPUT
    assert "holds a bundle already. Replace it with --overwrite" in again.stderr
    afresh = run("fit", table, "--target", "sales", "--model", "cnn-lstm", "--epochs", 2, "--overwrite")
    assert afresh.exit_code == 0, afresh.output
    assert "cnn-lstm" in afresh.stdout


def test_after_known_columns_the_next_rows_are_asked_for_and_then_the_command_works(table, tmp_path):
    frame = pd.read_csv(table)
    offers = np.tile([0.0, 1.0, 0.0], 88)[:262]
    frame.assign(offer=offers[:260]).to_csv(table, index=False)
    done = fit(table, tmp_path / "out", "--known", "offer", "--horizon", 2)
    assert "First add the next 2 rows to the table, with offer filled in and sales empty." in done.stdout
    command = shlex.split(done.stdout.splitlines()[-1].removeprefix("Next: heedful "))
    assert "its next 2 values, got 0" in run(*command).stderr
    ahead = pd.DataFrame({"day": ["2023-09-19", "2023-09-20"], "shop": "north"})
    pd.concat([frame, ahead]).assign(offer=offers).to_csv(table, index=False)
    told = run(*command)
    assert told.exit_code == 0, told.output
    assert [line[:12] for line in told.stdout.splitlines()[1:]] == ["2023-09-19,1", "2023-09-20,2"]


def test_the_next_command_keeps_the_format_of_the_stamps(table, tmp_path):
    frame = pd.read_csv(table, parse_dates=["day"])
    frame.assign(day=frame["day"].dt.strftime("%d of %m, %Y")).to_csv(table, index=False)
    done = fit(table, tmp_path / "out", "--date-format", "%d of %m, %Y")
    assert done.exit_code == 0, done.output
    assert run(*shlex.split(done.stdout.splitlines()[-1].removeprefix("Next: heedful "))).exit_code == 0


@pytest.mark.parametrize("name", ["Features", "Past", "Known", "Static"])
def test_help_says_that_naming_inputs_takes_only_those(name):
    assert "takes only those named" in getattr(options, name).__metadata__[0].help


def test_the_parts_of_a_panel_are_counted_not_spanned(tmp_path, shops):
    shops[shops["shop"] != "new"].to_csv(tmp_path / "shops.csv", index=False)
    done = run(
        "fit", tmp_path / "shops.csv", "--target", "sales", "--series", "shop", "--model", "cnn-lstm", "--window", 7,
        "--epochs", 1, "--out", tmp_path / "out",
    )  # fmt: skip
    rows = [int(line.split()[1]) for line in done.stdout.splitlines() if " rows  2023" in line]
    assert len(rows) == 3
    assert sum(rows) == 250
    assert "note: Series differ: the 80 % intervals held from " in done.stdout


def test_backtest_prints_folds_and_scores_and_writes_them(table, tmp_path):
    done = run(
        "backtest", table, "--target", "sales", "--model", "cnn-lstm", "--epochs", 1, "--folds", 2, "--refit", "never",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "fold 2: 26 windows" in done.stdout
    assert "still trained on" in done.stdout
    assert "seasonal_naive" in done.stdout
    assert (tmp_path / "out" / "forecasts.csv").exists()


def heedful_in_a_process(*words: object) -> subprocess.Popen:
    code = "import sys; from heedful.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_ctrl_c_in_a_fit_keeps_the_training_and_says_so(table, tmp_path):
    out = tmp_path / "out"
    words = ["fit", table, "--target", "sales", "--model", "attention-gru", "--out", out, "--epochs"]
    process = heedful_in_a_process(*words, 100_000)
    for _ in range(600):
        if list(out.glob("training*")) or process.poll() is not None:
            break
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == cli.STOPPED, stderr
    assert "The same command goes on from there" in stderr
    assert [p.name for p in out.iterdir()] == ["training.0"]
    other = run(*words, 3)
    assert other.exit_code == cli.WRONG_INPUT
    assert "another training" in other.stderr or "other data" in other.stderr


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_what_is_finished_readable(table, tmp_path, jobs):
    out = tmp_path / "out"
    words = [
        "compare",
        str(table),
        "--target",
        "sales",
        "--epochs",
        "100000",
        "--seeds",
        "2",
        "--jobs",
        str(jobs),
    ]
    process = heedful_in_a_process(*words, "--window", 20, "--out", out)
    for _ in range(600):
        if len(list(out.glob("trials/*.safetensors"))) >= 4 or process.poll() is not None:
            break
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == cli.STOPPED, stderr
    assert "Stopped early" in stdout
    assert "Traceback" not in stderr
    assert set(pd.read_csv(out / "scores.csv")["model"]) >= {"persistence", "ridge"}
    assert (out / "report.html").exists()
