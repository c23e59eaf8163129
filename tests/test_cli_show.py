"""What a trial of attention prints: which control counted, no p of zero, what other tests say, and what it costs."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import heedful
from heedful import cli
from heedful.cli import show
from heedful.trial.result import Comparison


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    t = np.arange(260)
    noise = np.random.default_rng(0).normal(size=260)
    when = pd.date_range("2023-01-02", periods=260, freq="D")
    return pd.DataFrame({"day": when, "sales": 20 + 5 * np.sin(t / 7 * 2 * np.pi) + noise})


@pytest.fixture(scope="module")
def trial(table: pd.DataFrame) -> Comparison:
    return heedful.compare(table, "sales", attention="eca,additive", window=7, seeds=3, epochs=1, jobs=1)


def test_the_control_that_counts_is_named_and_a_shared_wide_control_is_said(trial, capsys):
    show.answers(trial.answers)
    lines = capsys.readouterr().out.splitlines()
    [eca] = [line for line in lines if line.lstrip().startswith("cnn-lstm+eca ")]
    [additive] = [line for line in lines if line.lstrip().startswith("cnn-lstm+additive ")]
    assert "as none" in eca
    assert re.search(r"\] (last|mean) ", additive)
    assert not re.search(r"\] (last|mean) ", eca)


def test_numbers_of_blocks_that_differ_are_told_as_a_range(trial, capsys):
    first, second = trial.answers
    eca, additive = (replace(one.against_none, seeds=3, blocks=blocks) for one, blocks in ((first, 12), (second, 7)))
    nones = [replace(one, controls=one.controls | {one.none: c}) for one, c in ((first, eca), (second, additive))]
    show.answers(nones)
    assert "3 seeds x 7 to 12 " in " ".join(capsys.readouterr().out.split())
    show.answers(nones[:1])
    assert "3 seeds x 12 " in " ".join(capsys.readouterr().out.split())


def test_a_tiny_p_value_is_printed_as_such(trial, capsys):
    sure = [replace(one, verdict=replace(one.verdict, p_helps=1e-9)) for one in trial.answers]
    show.answers(sure)
    printed = capsys.readouterr().out
    assert printed.count("< 0.001") == 2
    assert "0.000" not in printed


def test_second_opinions_are_two_lines_and_say_what_the_answers_rest_on(trial, capsys):
    show.opinions(trial.opinions)
    first, second = capsys.readouterr().out.splitlines()
    assert "Diebold-Mariano, net by net, agrees with the blocks in" in first
    assert first.endswith("of 4.") or "the answers rest on the blocks" in first
    assert "model confidence set" in second.lower()
    one = replace(trial.opinions.each[0], nets=trial.opinions.each[0].nets[:1])
    other = replace(one, nets=(replace(one.nets[0], p=0.001, statistic=-5.0),), blocks=replace(one.blocks, p=0.5))
    show.opinions(replace(trial.opinions, each=(other,)))
    told = capsys.readouterr().out
    assert "in 0 of 1; not in cnn-lstm+eca against none (most nets better, the blocks no difference)" in told
    assert "the answers rest on the blocks" in told


def test_every_model_has_its_milliseconds_and_no_table_of_numbers_has_them(trial, capsys, tmp_path):
    show.comparison(trial, quiet=True)
    assert re.search(r"seconds\s+ms", capsys.readouterr().out)
    assert (trial.summary[["milliseconds", "milliseconds_batched"]] > 0).all(axis=None)
    assert not {"milliseconds", "milliseconds_batched"} & (set(trial.scores["metric"]) | set(trial.forecasts.columns))


def test_the_command_prints_second_opinions_unless_quiet(table, tmp_path):
    table.to_csv(tmp_path / "sales.csv", index=False)
    words = ["compare", str(tmp_path / "sales.csv"), "--target", "sales", "--attention", "eca", "--window", "7"]
    words += ["--seeds", "1", "--epochs", "1", "--rates", "0.003", "--jobs", "1", "--out", str(tmp_path / "out")]
    told = CliRunner().invoke(cli.app, words)
    assert told.exit_code == 0, told.output
    assert "Second opinions" in told.stdout
    assert "3 settings were tried (3 arms" in " ".join(told.stdout.split())
    assert "Second opinions" not in CliRunner().invoke(cli.app, [*words, "--quiet"]).stdout


@pytest.mark.parametrize("columns", [40, 80])
def test_a_narrow_screen_folds_names_and_loses_none(columns, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    name = "encoder.attention.mechanism, pushed to the input"
    heads, row = ["map", "", "deletion,\nline", "insertion,\nzero"], [name, "cannot be told", "+0.012", "+0.345"]
    assert show.fits(heads, [row]) == (columns == 80)
    show.table("Gain", heads, [row])
    printed = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    lines = [line for line in printed.splitlines() if line.strip()]
    at = next(i for i, line in enumerate(lines) if "cannot be told" in line)
    assert lines[at].split()[-2:] == ["+0.012", "+0.345"]
    folded = "".join("".join(line[:19].split()) for line in lines[at:])
    assert folded.startswith(name[:12].replace(" ", ""))
    assert all(word in printed for word in ("deletion,", "insertion,", "input"))


def test_a_table_wider_than_a_file_is_printed_whole(capsys):
    heads = ["model", *(f"fold {number} of 10, held out" for number in range(1, 11))]
    show.table("Folds", heads, [["wdcnn", *("0.123",) * 10]])
    printed = capsys.readouterr().out
    assert all(heading in printed for heading in heads)
    assert printed.count("0.123") == 10


def test_a_table_of_names_and_one_number_keeps_the_number():
    heads, row = ["map", "AUROC"], ["a name that is longer than the screen", "0.5"]
    assert show.fitted(heads, [row], 20) == (heads, [row], ())
