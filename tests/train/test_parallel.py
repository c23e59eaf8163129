"""Two processes over gloo: the same weights in both, and those of one process with the same batches."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from heedful.train.parallel import Share, joined, share

RUNS = Path(__file__).with_name("runs.py")
spec = importlib.util.spec_from_file_location("runs", RUNS)
runs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runs)


def together(folder: Path, *words: object, fails: bool = False) -> list[Any]:
    """Runs two processes under torchrun and gives what each has to tell."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
    command = [*launch, "--nproc-per-node=2", str(RUNS), str(folder), *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode != 0) == fails, done.stderr
    told = [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(0 if fails else 2)]
    assert all(one["world"] == 2 for one in told)
    return told


@pytest.fixture(autouse=True)
def _same_threads_after():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    assert all(isfinite(loss) for losses in a["losses"] for loss in losses)
    return a["losses"] == b["losses"] and all(torch.equal(a["state"][name], b["state"][name]) for name in a["state"])


def test_two_processes_train_one_model_and_it_is_that_of_one_process(tmp_path):
    first, second = together(tmp_path, "shared")
    assert first["apart"] == "1 of 2 processes have a file. Put it in a folder that all of them see."
    assert first["apart"] == second["apart"]
    assert first["late"] is second["late"] is True
    assert same(first, second)
    (alone,) = runs.train((1,), None, dropout=0.0)
    learned, checked = first["losses"]
    assert learned == pytest.approx(alone.train_loss, rel=1e-5)  # float32 sums in another order
    assert checked == pytest.approx(alone.validation_loss, rel=1e-5)
    for name, value in alone.state.items():
        assert torch.allclose(first["state"][name], value, atol=1e-5)


def test_two_processes_killed_go_on_to_the_same_numbers(tmp_path):
    together(tmp_path, "kept", 2 * runs.STEPS + 3, fails=True)
    assert (tmp_path / "shared" / "kept.safetensors").is_file()
    first, second = together(tmp_path, "kept")
    assert same(first, second)
    assert same(first, first["whole"])
    assert list((tmp_path / "shared").iterdir()) == []


@pytest.mark.parametrize("count", [1, 7, 12])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_parts_of_a_batch_are_the_batch(count, world):
    order = np.random.default_rng(0).permutation(count)
    parts = [Share(rank, world).part(order) for rank in range(world)]
    assert len({len(part) for part in parts}) == 1
    for start in range(0, len(parts[0]), 2):
        got = np.concatenate([part[start : start + 2] for part in parts])
        assert sorted(got[got >= 0]) == sorted(order[start * world : (start + 2) * world])


def test_alone_nothing_is_joined_or_sent():
    with joined() as mine:
        assert mine == share() == Share(0, 1)
    assert mine.first
    assert mine.total(torch.ones(2)).tolist() == [1.0, 1.0]
    mine.agree(True, "anything")
