from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from heedful import cli


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"day": pd.date_range("2023-01-02", periods=400), "sales": 20 + rng.normal(size=400).cumsum()})
    frame["hint"] = frame["sales"].shift(-1).ffill()
    frame["shop"] = np.arange(400) // 100
    frame.to_csv(tmp_path / "sales.csv", index=False)
    return tmp_path / "sales.csv"


def run(*words: object):
    return CliRunner().invoke(cli.app, ["audit", *map(str, words)])


def test_a_clean_table_exits_with_zero(table):
    done = run(table, "--target", "sales", "--features", "shop")
    assert done.exit_code == cli.DONE, done.output
    assert done.stdout.splitlines()[0] == "Audit of sales of sales"
    assert "Checked and fine:" in done.stdout
    assert done.stdout.splitlines()[-1] == "No leak found."


def test_a_leak_is_named_first_and_exits_with_one(table):
    done = run(table, "--target", "sales", "--horizon", 2)
    assert done.exit_code == cli.WRONG_INPUT
    assert done.stdout.splitlines()[1:2] == ["Leaks:"]
    assert "'hint' tells 'sales' 1 row later" in done.stdout
    assert "heedful: 1 leak found" in done.stderr


def test_roles_and_groups_are_heard(table):
    done = run(table, "--target", "sales", "--known", "hint", "--group", "shop", "--quiet")
    assert done.exit_code == cli.WRONG_INPUT
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["known", "groups"]
    assert run(table, "--target", "sales", "--past", "shop", "--split", "200,100,100", "--group", "shop").exit_code == 0


def test_quiet_prints_no_more_than_the_answer(table):
    assert run(table, "--target", "sales", "--features", "shop", "--quiet").stdout == "No leak found.\n"


def test_a_sample_is_audited_by_name_and_a_bundle_with_its_table(table, tmp_path):
    assert run("co2").exit_code == cli.DONE
    made = CliRunner().invoke(
        cli.app,
        ["fit", str(table), "--target", "sales", "--model", "cnn-lstm", "--epochs", "1", "--out", str(tmp_path / "b")],
    )
    assert made.exit_code == 0, made.output
    assert "--table" in run(tmp_path / "b").stderr
    done = run(tmp_path / "b", "--table", table)
    assert done.exit_code == cli.DONE, done.output
    assert "no later row changed a bit" in done.stdout


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("no-such.csv", "--target", "y"), "no-such.csv"),
        (("TABLE", "--target", "sale"), "Did you mean 'sales'"),
        (("TABLE",), "audit needs a target"),
        (("TABLE", "--target", "sales", "--group", "shops"), "Did you mean 'shop'"),
    ],
)
def test_wrong_input_exits_with_one_and_one_message(table, words, advice):
    done = run(*(table if word == "TABLE" else word for word in words))
    assert done.exit_code == cli.WRONG_INPUT
    assert advice in done.stderr
    assert "Traceback" not in done.stderr
