from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from heedful import cli


@pytest.fixture
def table(tmp_path):
    t = np.arange(260)
    sales = 20 + 5 * np.sin(t / 7 * 2 * np.pi) + np.random.default_rng(0).normal(size=260)
    pd.DataFrame({"day": pd.date_range("2023-01-02", periods=260), "sales": sales}).to_csv(
        tmp_path / "sales.csv", index=False
    )
    (tmp_path / "space.toml").write_text("recurrence.width = [2, 3]\nrecipe.learning_rate = [1e-3, 1e-2]\n")
    return tmp_path / "sales.csv"


def words(table, out, *more: object) -> list[str]:
    space = ["--space", table.with_name("space.toml"), "--sampler", "grid", "--epochs", 1, "--window", 7]
    return [str(word) for word in ("tune", table, "--target", "sales", *space, "--out", out, *more)]


def run(table, out, *more: object):
    return CliRunner().invoke(cli.app, words(table, out, *more))


def test_tune_prints_how_many_settings_were_tried_the_best_and_its_score(table, tmp_path):
    done = run(table, tmp_path / "out")
    assert done.exit_code == cli.DONE, done.output
    assert "4 settings tried: 4 finished." in done.stdout
    for word in ("Best on validation, number", "recurrence.width = ", "Test part, read once", "persistence", "ridge"):
        assert word in done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"Next: heedful predict {tmp_path / 'out' / 'best'} {table}")


def test_quiet_prints_the_count_the_score_and_the_folder(table, tmp_path):
    done = run(table, tmp_path / "out", "--quiet")
    assert done.stdout.splitlines()[0] == "4 settings tried: 4 finished."
    assert done.stdout.splitlines()[-1] == f"Study: {tmp_path / 'out'}"
    assert "note:" not in done.stdout


def test_the_plan_of_the_best_setting_can_be_fitted(table, tmp_path):
    assert run(table, tmp_path / "out", "--trials", 1).exit_code == cli.DONE
    fitted = CliRunner().invoke(
        cli.app,
        [
            *("fit", str(table), "--target", "sales", "--plan", str(tmp_path / "out" / "best.toml"), "--epochs", "1"),
            *("--window", "7", "--out", str(tmp_path / "bundle"), "--quiet"),
        ],
    )
    assert fitted.exit_code == cli.DONE, fitted.output


def test_a_second_call_tells_the_score_and_more_trials_are_refused(table, tmp_path):
    first = run(table, tmp_path / "out", "--trials", 2)
    again = run(table, tmp_path / "out", "--trials", 2)
    assert again.stdout == first.stdout
    refused = run(table, tmp_path / "out", "--trials", 3)
    assert refused.exit_code == cli.WRONG_INPUT
    assert "scored on them after 2 trials" in refused.stderr


@pytest.mark.parametrize(
    ("more", "advice"),
    [
        (("--sampler", "gridd"), "Did you mean 'grid'"),
        (("--storage", "sqlit"), "Did you mean 'sqlite'"),
        (("--space", "nowhere.toml"), "nowhere.toml cannot be read"),
        (("--trials", 0), "trials"),
    ],
)
def test_wrong_words_exit_with_one_and_write_nothing(table, tmp_path, more, advice):
    done = run(table, tmp_path / "out", *more)
    assert done.exit_code == cli.WRONG_INPUT, done.output
    assert advice in done.stderr
    assert not (tmp_path / "out").exists()


def test_ctrl_c_and_time_that_is_up_keep_what_is_finished(table, tmp_path):
    out, program = tmp_path / "out", [sys.executable, "-m", "heedful.cli"]
    more = ("--epochs", 400, "--storage", "sqlite")
    began = subprocess.Popen(
        [*program, *words(table, out, *more)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    until = time.monotonic() + 120
    while not list(out.glob("running/*")) and began.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    began.send_signal(signal.SIGINT)
    said, _ = began.communicate(timeout=120)
    assert began.returncode == cli.STOPPED
    assert "The same command goes on." in said
    done = run(table, out, *more, "--max-minutes", 1e-9)
    assert done.exit_code == cli.STOPPED
    assert "nothing was scored on test rows" in done.stdout
    assert not (out / "best").exists()
