"""Record the evidence on many programs, each in a process of one thread; what was recorded already is left alone."""

import multiprocessing
import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from doctor.cases import HEALTHY, of_case, of_healthy, runner
from doctor.recorded import Record, done
from trainwell.diagnoses.gather import gather

T = TypeVar("T")
R = TypeVar("R")

_PROGRAMS = 10  # of a process before another takes its place: what it leaks ends with it


def record(
    cases: list[dict[str, Any]],
    out: Path,
    *,
    faultbench: Path | None,
    share: float = 1.0,
    jobs: int = 1,
    again: bool = False,
    commit: str | None = None,
) -> list[Record]:
    """Record what is missing; gives what was recorded now, in the order it was done.

    Args:
        cases: Of faultbench, or of `healthy_cases`.
        out: Folder of records.
        faultbench: Folder of the runner, for its cases.
        share: Of the planned steps, how many a training takes at most, (0, 1].
        jobs: Processes side by side; seconds are comparable with 1 only.
        again: Also what was recorded already.
        commit: Of Trainwell, to be written beside it.
    """
    fingerprints = {case["id"]: fingerprint(case, faultbench) for case in cases}
    missing = [case for case in cases if again or not done(out, case, share, fingerprints[case["id"]])]
    print(f"{len(cases)} programs, {len(cases) - len(missing)} recorded already", flush=True)
    found = []
    for one in side_by_side(partial(observe, faultbench=faultbench, share=share, commit=commit), missing, jobs):
        one.save(out)
        found.append(one)
        said = one.error.strip().splitlines()[-1] if one.error else ""
        print(f"{len(found):4}/{len(missing)}  {one.id:44} {one.seconds:6.1f} s  {said}", flush=True)
    return found


def observe(case: dict[str, Any], *, faultbench: Path | None, share: float, commit: str | None = None) -> Record:
    """Gather the evidence on one program, as a checkup does; what goes wrong is part of the record."""
    torch.set_num_threads(1)
    evidence, error = None, None
    known_by = fingerprint(case, faultbench)
    began = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if case["family"] == HEALTHY:
                made, build = of_healthy(case["name"])
            else:
                made, build = of_case(_runner(faultbench), case)
            began = time.perf_counter()
            evidence = gather(made, build=build, share=share)
    except Exception:  # one program that breaks is a line of the table, not the end of the others
        error = traceback.format_exc()
    return Record(case, evidence, round(time.perf_counter() - began, 3), error, share, known_by, commit)


def side_by_side(work: Callable[[T], R], items: list[T], jobs: int) -> Iterator[R]:
    """What `work` makes of each, as soon as it is there; in processes of one thread if `jobs` is above 1."""
    if jobs == 1:
        yield from map(work, items)
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # read by a process as it starts
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=_PROGRAMS) as pool:
        yield from pool.imap_unordered(work, items)


def _runner(faultbench: Path | None) -> Any:
    if faultbench is None:
        raise SystemExit("These cases are faultbench's: give the folder of faultbench.py with --faultbench.")
    return runner(faultbench)


def fingerprint(case: dict[str, Any], faultbench: Path | None) -> str | None:
    """By what a changed program is known; None of a healthy one, whose code is here."""
    return None if case["family"] == HEALTHY else _runner(faultbench).fingerprint(case)
