"""The protocol of the archive benchmark: test files decide nothing, and no net is trained or scored twice."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from benchmarks import signals as bench

from heedful.train import Recipe, TimeUp


def short(model: str, count: int) -> Recipe:
    return Recipe(epochs=6, patience=6, batch=max(2, count // 3), learning_rate=1e-2, watch="train")


SHORT = replace(bench.OURS, recipe=short)


def write(folder, part: str, rows: np.ndarray, labels: np.ndarray) -> None:
    lines = ["\t".join([str(label), *(f"{v:.4f}" for v in row)]) for label, row in zip(labels, rows, strict=True)]
    (folder / f"{folder.name}_{part}.tsv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive of one set: two classes of opposite sign, nine cases a part."""
    folder = tmp_path / "archive" / "Sign"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels = np.arange(9) % 2 + 1
    for part in ("TRAIN", "TEST"):
        write(folder, part, rng.normal(size=(9, 24)) + (2 * labels - 3)[:, None], labels)
    monkeypatch.setattr(bench, "DATA", folder.parent)
    return folder


def record(net: bench.Net, out) -> dict:
    return json.loads(net.path(out).read_text())


def test_test_files_decide_nothing_of_a_net(archive, tmp_path):
    net = bench.Net(data="Sign", model="mlstm-fcn", seed=0)
    bench.train(net, tmp_path / "a", how=SHORT)
    rows = np.random.default_rng(1).normal(size=(9, 24))
    write(archive, "TEST", rows, np.ones(9, int))
    bench.train(net, tmp_path / "b", how=SHORT)
    one, other = (record(net, tmp_path / name) for name in "ab")
    assert (one["train_loss"], one["best_epoch"]) == (other["train_loss"], other["best_epoch"])
    assert one["logs"] != other["logs"]
    assert one["accuracy"] == np.mean(np.argmax(one["logs"], 1) == one["classes"])


def test_recipes_are_compared_on_train_files_alone(archive, tmp_path):
    before = bench.held_out("Sign", "mlstm-fcn", "as used", 1.0, how=SHORT)
    write(archive, "TEST", np.full((9, 24), 7.0), np.ones(9, int))
    after = bench.held_out("Sign", "mlstm-fcn", "as used", 1.0, how=SHORT)
    assert before["cases"] == 9
    assert (before["errors"], before["loss"]) == (after["errors"], after["loss"])


def test_a_net_that_is_there_is_left_as_it_is(archive, tmp_path):
    net = bench.Net(data="Sign", model="mlstm-fcn", seed=0)
    bench.train(net, tmp_path, how=SHORT)
    before = net.path(tmp_path).read_bytes()
    assert bench.train(net, tmp_path, how=SHORT).endswith("was there")
    assert "BY ANOTHER RECIPE" in bench.train(net, tmp_path)
    assert net.path(tmp_path).read_bytes() == before
    assert [path.name for path in net.path(tmp_path).parent.iterdir()] == ["mlstm-fcn-0.json"]


def test_a_net_that_was_stopped_ends_as_if_it_had_not_been(archive, tmp_path):
    net = bench.Net(data="Sign", model="mlstm-fcn", seed=1)
    with pytest.raises(TimeUp):
        bench.train(net, tmp_path / "a", time.monotonic(), how=SHORT)
    for name in "ab":
        bench.train(net, tmp_path / name, how=SHORT)
    assert record(net, tmp_path / "a")["logs"] == record(net, tmp_path / "b")["logs"]


def test_the_table_compares_with_what_is_published(archive, tmp_path, monkeypatch, capsys):
    def put(model: str, seed: int, right: int, how: bench.Training = bench.OURS) -> None:
        logs = [[0.0, -9.0] if i < right else [-9.0, -0.1] for i in range(10)]
        path = bench.Net(data="Sign", model=model, seed=seed).path(tmp_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        made = {
            "key": how.key(model, 9),
            "accuracy": right / 10,
            "logs": logs,
            "classes": [0] * 10,
        }
        path.write_text(json.dumps(made))

    monkeypatch.setitem(bench.RESNET, "Sign", (0.9, 0.04))
    monkeypatch.setitem(bench.INCEPTION, "Sign", (1.0, None))
    for seed, right in enumerate((8, 9, 8)):
        put("resnet1d", seed, right)
    for seed, right in enumerate((10, 10, 7, 7, 7)):
        put("inception-time", seed, right)
    bench.table(["Sign", "Other"], ["resnet1d", "inception-time"], tmp_path, bench.OURS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "| resnet1d | Sign | 3 | 0.8333 ± 0.058 | 0.900 ± 0.040 | yes | -0.7 of 10 |"
    assert "| inception-time x 5 | Sign | 1 | 0.7000 | 1.000 |  | -3 of 10 |" in lines
    monkeypatch.setitem(bench.RESNET, "Sign", (0.9, 0.03))
    assert bench.row("Sign", "resnet1d", tmp_path, bench.OURS)[5] == "NO"
    assert not any("another recipe" in line for line in lines)
    put("resnet1d", 2, 10, SHORT)
    put("inception-time", 4, 10, SHORT)
    bench.table(["Sign", "Other"], ["resnet1d", "inception-time"], tmp_path, bench.OURS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| resnet1d | Sign | 2 | 0.8500 ")
    assert not any(line.startswith("| inception-time x 5") for line in lines)
    assert lines[-1] == "2 nets by another recipe are left out: 1 of Sign resnet1d, 1 of Sign inception-time."
