"""Settings of the process: threads, and memory kept between steps."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from heedful.errors import OptionError
from heedful.train import machine

GLIBC = platform.system() == "Linux" and platform.libc_ver()[0] == "glibc"


@pytest.fixture(autouse=True)
def _same_threads_after():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_settle_uses_one_thread_unless_told_otherwise():
    machine.settle(2)
    assert torch.get_num_threads() == 2
    machine.settle()
    assert torch.get_num_threads() == 1


def test_settle_twice_is_settle_once():
    machine.settle(1)
    kept = machine.keep_memory()
    machine.settle(1)
    assert torch.get_num_threads() == 1
    assert machine.keep_memory() is kept


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_threads_below_one_or_not_whole_are_refused(threads):
    with pytest.raises(OptionError, match=r"whole number of threads from 1 up.*Use 1 unless"):
        machine.settle(threads)


@pytest.mark.skipif(not GLIBC, reason="only glibc has mallopt")
def test_memory_is_kept_on_glibc():
    assert machine.keep_memory() is True


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_nothing_happens_on_other_systems(monkeypatch, system):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("no C library may be touched"))
    assert machine.keep_memory() is False
    machine.settle(1)


def test_nothing_happens_with_another_c_library(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("no C library may be touched"))
    assert machine.keep_memory() is False


def test_a_c_library_without_mallopt_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    assert machine.keep_memory() is False


@pytest.mark.parametrize(("most", "tried"), [(1 << 30, 1 << 30), (1 << 25, 1 << 25), (0, None)])
def test_the_largest_threshold_that_the_c_library_accepts_is_set(monkeypatch, most, tried):
    accepted = {}

    def mallopt(parameter: int, value: int) -> int:
        if value <= most:
            accepted[parameter] = value
        return int(value <= most)

    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
    assert machine.keep_memory() is (tried is not None)
    assert accepted == ({-1: tried, -3: tried} if tried else {})


@pytest.mark.skipif(not GLIBC, reason="only glibc has mallopt")
def test_kept_memory_is_not_faulted_in_again():
    """64 MiB are 16,384 pages: freed and taken again they are faulted in again unless memory is kept."""
    code = """
import resource, sys
import torch
from heedful.train.machine import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
for _ in range(3):
    torch.ones(1 << 24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    torch.ones(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    faults = {
        mode: int(subprocess.run([sys.executable, "-c", code, mode], check=True, capture_output=True).stdout)
        for mode in ("keep", "leave")
    }
    # one of the eight may be faulted in: a small allocation in between can split the kept block
    assert faults["keep"] <= faults["leave"] / 4
