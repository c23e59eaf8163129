from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import heedful
from heedful import cli
from heedful.errors import DataError
from heedful.trial.lock import NAME, lock
from heedful.trial.result import Trial
from heedful.trial.store import Store, open_store

TRIAL = Trial(model="net", seed=3, validation=np.arange(6.0).reshape(3, 2), test=np.arange(8.0).reshape(4, 2) / 3)
RUN = {"options": {"window": 6}}
HOLD = "import sys, time\nfrom pathlib import Path\nfrom heedful.trial.lock import lock\nlock(Path(sys.argv[1]))\n"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    t = np.arange(300)
    load = 50 + 10 * np.sin(t / 24 * 2 * np.pi) + np.random.default_rng(0).normal(size=300)
    path = tmp_path_factory.mktemp("data") / "load.csv"
    pd.DataFrame({"when": pd.date_range("2024-01-01", periods=300, freq="h"), "load": load}).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def whole(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    heedful.compare(table, "load", models="attention-gru,cnn-lstm", seeds=4, window=6, epochs=12, jobs=1, out=out)
    return out


def started(table: Path, out: Path, jobs: int, epochs: int = 12) -> subprocess.Popen:
    words = ["compare", table, "--target", "load", "--models", "attention-gru,cnn-lstm", "--seeds", 4]
    words += ["--window", 6, "--epochs", epochs, "--jobs", jobs, "--out", out]
    return subprocess.Popen(
        [sys.executable, "-c", "from heedful.cli import main; main()", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finished(process: subprocess.Popen) -> str:
    said, _ = process.communicate(timeout=120)
    assert process.returncode == cli.DONE, said
    return said


def records(out: Path) -> dict[str, tuple[int, str]]:
    return {
        path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in out.glob("trials/*.safetensors")
    }


def wait_for(out: Path, count: int, process: subprocess.Popen) -> None:
    for _ in range(1200):
        if len(records(out)) >= count or process.poll() is not None:
            break
        time.sleep(0.05)
    assert process.poll() is None, f"it was over before it could be killed: {process.communicate()[0]}"


@pytest.mark.parametrize("jobs", [1, 2])
def test_kill_9_in_the_middle_and_the_rerun_gives_the_same_tables(table, whole, tmp_path, jobs):
    cut = tmp_path / "cut"
    process = started(table, cut, jobs)
    wait_for(cut, 5, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = records(cut)
    assert 5 <= len(kept) < len(records(whole))
    assert not (cut / "scores.csv").exists()
    finished(started(table, cut, jobs))
    after = records(cut)
    assert {name: after[name] for name in kept} == kept
    assert set(after) == set(records(whole))
    for name in ("scores.csv", "forecasts.csv"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    assert {p.relative_to(cut) for p in cut.glob("models/*/*/*")} == {
        p.relative_to(whole) for p in whole.glob("models/*/*/*")
    }


def test_a_second_run_on_a_folder_is_refused_while_the_first_is_alive(table, tmp_path):
    first = started(table, tmp_path / "run", 1, epochs=1_000_000)
    try:
        wait_for(tmp_path / "run", 3, first)
        before = records(tmp_path / "run")
        second = started(table, tmp_path / "run", 1, epochs=1_000_000)
        said, _ = second.communicate(timeout=120)
        assert second.returncode == cli.WRONG_INPUT
        assert f"is in use by process {first.pid} on" in " ".join(said.split())
        assert records(tmp_path / "run") == before
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()


def test_a_process_that_was_killed_holds_nothing(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD + "print(1, flush=True)\ntime.sleep(60)", tmp_path],
                               stdout=subprocess.PIPE)  # fmt: skip
    process.stdout.readline()
    with pytest.raises(DataError, match=f"in use by process {process.pid} on .*Wait until"):
        lock(tmp_path)
    process.kill()
    process.communicate()
    assert (tmp_path / NAME).read_text().startswith(f"process {process.pid} ")
    held = lock(tmp_path)
    assert (tmp_path / NAME).read_text().startswith(f"process {os.getpid()} ")
    held.release()


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written to .*Give another --out"):
        lock(tmp_path / "file" / "run")


def test_a_comparison_lets_go_of_its_folder_however_it_ends(tmp_path):
    frame = pd.DataFrame({"load": np.sin(np.arange(120.0))})
    options = {"models": (), "window": 6, "jobs": 1, "out": tmp_path / "run"}

    def stop(state: object) -> None:
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        heedful.compare(frame, "load", progress=stop, **options)
    heedful.compare(frame, "load", **options)
    lock(tmp_path / "run").release()


def test_any_changed_byte_of_a_record_makes_it_unfinished(tmp_path):
    store = Store(folder=tmp_path, key="k")
    store.write(TRIAL)
    [path] = tmp_path.glob("trials/*")
    whole = path.read_bytes()
    assert store.read("net", 3) is not None
    for at in (len(whole) - 1, len(whole) // 2, whole.index(b"best_epoch"), 0):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert store.read("net", 3) is None, at
    for length in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert store.read("net", 3) is None, length
    store.write(TRIAL)
    assert np.array_equal(store.read("net", 3).test, TRIAL.test)


def test_a_record_belongs_to_its_run_plan_model_and_seed(tmp_path):
    store = Store(folder=tmp_path, key="k", made={("net", 3): "16 units", ("net", 4): "16 units"})
    store.write(TRIAL)
    [path] = tmp_path.glob("trials/*")
    assert store.read("net", 3) is not None
    assert replace(store, key="other").read("net", 3) is None
    assert replace(store, made={("net", 3): "32 units"}).read("net", 3) is None
    path.rename(path.with_name("net-4.safetensors"))
    assert store.read("net", 4) is None


def test_a_finished_record_is_never_written_again(tmp_path):
    store = Store(folder=tmp_path, key="k")
    store.write(TRIAL)
    store.write(replace(TRIAL, seconds=9.0))
    assert store.read("net", 3).seconds == 0
    [path] = tmp_path.glob("trials/*")
    path.write_bytes(b"half")
    store.write(replace(TRIAL, seconds=9.0))
    assert store.read("net", 3).seconds == 9


def test_what_a_killed_run_left_half_written_is_cleared_away(tmp_path):
    (tmp_path / ".run.json.77.part").write_text("{")
    (tmp_path / NAME).write_text("process 77")
    store = open_store(tmp_path, RUN, "k", overwrite=False)
    store.close()
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", NAME}


def test_two_runs_of_one_process_cannot_share_a_folder(tmp_path):
    store = open_store(tmp_path, RUN, "k", overwrite=False)
    with pytest.raises(DataError, match="in use by"):
        open_store(tmp_path, RUN, "k", overwrite=False)
    store.close()
    with pytest.raises(DataError, match="another run"):
        open_store(tmp_path, {"options": {"window": 7}}, "other", overwrite=False)
    open_store(tmp_path, RUN, "k", overwrite=False).close()  # the refusal above left nothing held
