"""What the process may use: affinity and quotas, memory, the allocator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainwell.training import machine
from trainwell.training.machine import cpu_name, free_memory, pick_device, usable_threads


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_threads_follow_the_affinity() -> None:
    code = (
        "import os\nfrom trainwell.training.machine import usable_threads\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nprint(usable_threads())"
    )
    assert python(code) == "1\n"
    assert 1 <= usable_threads() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("content", "expected"),
    [("150000 100000", 2), ("max 100000", 4), ("50000 100000", 1), ("900000 100000", 4), ("", 4)],
)
def test_threads_follow_the_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, expected: int) -> None:
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    monkeypatch.setattr(machine, "_CGROUP_V1", tmp_path / "none")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    (tmp_path / "cpu.max").write_text(content)
    assert usable_threads() == expected


@pytest.mark.parametrize(("quota", "expected"), [("250000\n", 3), ("-1\n", 4)])
def test_threads_follow_the_quota_of_older_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int
) -> None:
    monkeypatch.setattr(machine, "_CGROUP", tmp_path / "none")
    monkeypatch.setattr(machine, "_CGROUP_V1", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    (tmp_path / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_threads() == expected


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_free_memory_is_the_systems_or_what_is_left_of_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    whole = free_memory()
    assert whole is not None
    assert 2**24 < whole < 2**50
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.max").write_text("4000000\n")
    assert free_memory() == 1_000_000
    (tmp_path / "memory.max").write_text("max\n")
    free = free_memory()
    assert free is not None
    assert free > 2**24


@pytest.mark.skipif(sys.platform != "linux", reason="is for glibc")
def test_keeping_memory_saves_page_faults() -> None:
    # Blocks of 64 MiB, which glibc would map and unmap every time.
    code = (
        "import resource, torch\nfrom trainwell.training.machine import keep_memory\ntorch.set_num_threads(1)\n"
        "def faults():\n    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    torch.ones(2**24)\n    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "def settled():\n    return [faults() for _ in range(20)][-1]\n"
        "print(settled(), keep_memory(), settled())\n"
    )
    before, took, after = python(code).split()
    if took == "True":  # not so with another libc
        assert int(after) < int(before) / 10


def test_devices_go_by_name() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_the_processor_has_a_name() -> None:
    assert len(cpu_name()) > 2
