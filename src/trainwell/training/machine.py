"""What this process may use of the machine: threads, memory, and how the allocator treats it."""

import ctypes
import math
import os
import platform
import re
import sys
from pathlib import Path

import torch

from trainwell.errors import BadValue

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h of glibc
_TOP_PAD = 64 * 2**20  # bytes by which the heap grows at least
_CGROUP = Path("/sys/fs/cgroup")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu")


def usable_threads() -> int:
    """Cores this process may use: its affinity, cut down to the CPU quota of its control group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cpu_quota()
    return max(1, min(cores, math.ceil(quota)) if quota else cores)


def _cpu_quota() -> float | None:
    try:
        limit, period = (_CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (_CGROUP_V1 / "cpu.cfs_quota_us").read_text()
            period = (_CGROUP_V1 / "cpu.cfs_period_us").read_text()
        except OSError:
            return None
    return int(limit) / int(period) if limit.strip() not in ("max", "-1") else None


def free_memory() -> int | None:
    """Bytes that can still be taken without swapping or being killed; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return None
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return free
    return free if limit == "max" else min(free, int(limit) - used)


def keep_memory() -> bool:
    """Tell glibc to keep freed memory for the next step instead of handing it back to the kernel.

    By default every step gives its activations back and faults them in again, page by page. This changes the whole
    process, so it is for a program's own start, never for a library call. Returns whether it took effect.
    """
    if not _has_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    wanted = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, _TOP_PAD))
    return all(mallopt(option, value) == 1 for option, value in wanted)


def give_back_memory() -> None:
    """Hand memory that is free, but scattered over the heap, back to the system: after a phase of its own is over."""
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _has_glibc() -> bool:
    return sys.platform == "linux" and platform.libc_ver()[0] == "glibc"


def cpu_name() -> str:
    """The processor as the system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def pick_device(name: str) -> torch.device:
    """The device of this name; `auto` is CUDA where there is one.

    Raises:
        BadValue: No such device, or not on this machine.
    """
    if re.fullmatch(r"auto|cpu|cuda(:\d+)?", name) is None:
        raise BadValue(f"--device {name} is not known. Expected auto, cpu, cuda or cuda:N.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else torch.device(name)
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise BadValue(
            f"--device {name} is not there ({reason}). Expected auto, cpu, or cuda on a machine with one."
        ) from error
    return device
