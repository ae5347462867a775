"""Trials side by side: real processes, really killed."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from trainwell.data.wrap import wrap
from trainwell.errors import BadValue, Failed, Interrupted
from trainwell.recipe import Recipe
from trainwell.search.running.in_turn import InTurn
from trainwell.search.running.side_by_side import SideBySide
from trainwell.search.trial import Score, Trial
from trainwell.search.work import Work
from trainwell.training.interrupt import Stop

from .conftest import assert_alike, but_the_first, go_on, outcome, results, several, trial


def test_the_same_as_in_turn_bit_for_bit(work: Work, side: SideBySide) -> None:
    alone = results(InTurn(work), several(), but_the_first)
    beside = results(side, several(), but_the_first)
    assert outcome(beside) == outcome(alone)
    assert {result.how for result in beside.values()} == {"side by side"}
    assert len(side.workers) == 2


def test_a_killed_worker_is_replaced_and_its_trial_tried_again(work: Work, side: SideBySide) -> None:
    asked: list[tuple[int, int]] = []
    killed: list[int] = []

    def judge(trial: Trial, score: Score) -> bool:
        asked.append((trial.number, score.step))
        if not killed and trial.number == 1:
            killed.extend(side.workers)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        return trial.number != 0

    beside = results(side, several(), judge)
    assert outcome(beside) == outcome(results(InTurn(work), several(), but_the_first))
    assert killed and not set(killed) & set(side.workers)
    assert len(asked) == len(set(asked))  # what was judged before the kill is not judged again


def test_a_trial_given_to_a_dead_worker_has_not_killed_it(work: Work, side: SideBySide) -> None:
    trials = [trial(number, epochs=2.0) for number in (0, 1)]
    results(side, trials)
    for pid in side.workers:
        os.kill(pid, signal.SIGKILL)  # while they wait; the trials that come find them dead
    killed: list[int] = []

    def judge(_trial: Trial, _score: Score) -> bool:
        if not killed:
            killed.extend(side.workers)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        return True

    assert outcome(results(side, trials, judge)) == outcome(results(InTurn(work), trials))


def test_a_fused_group_in_each_worker(work: Work, side: SideBySide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side, "width", 4)
    killed: list[int] = []

    def judge(trial: Trial, _score: Score) -> bool:
        if not killed and trial.number == 2:
            killed.extend(side.workers)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
        return trial.number != 0

    assert_alike(results(side, several(), but_the_first), results(InTurn(work), several(), but_the_first))
    beside = results(side, several(), judge)
    assert_alike(beside, results(InTurn(work), several(), but_the_first))
    assert killed and {beside[number].how for number in (0, 1)} <= {"fused", "side by side"}


def test_stopping_ends_the_workers_that_are_busy(side: SideBySide, stop: Stop) -> None:
    def judge(_trial: Trial, _score: Score) -> bool:
        stop.signal_name = "SIGTERM"
        return True

    before = side.workers
    with pytest.raises(Interrupted):
        list(side.run([trial(0, epochs=2000.0)], judge))
    assert len(before) == 2 and len(side.workers) == 1
    stop.signal_name = None


def test_a_trial_that_kills_its_workers_fails(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deadly.py").write_text(
        textwrap.dedent(
            """
            import os, signal, sys

            def network(input_shape, num_outputs):
                print("about to end", file=sys.stderr, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            """
        )
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with SideBySide(work, workers=1) as runner:
        found = results(runner, [Trial(number=0, edits=("model=deadly:network",), seed=0, epochs=1.0)])
    assert found[0].state == "failed"
    assert "died 2 times" in found[0].why and "signal 9" in found[0].why and "about to end" in found[0].why


PARENT = """
import sys
from search.running.conftest import EDITS, three_clouds, trial
from trainwell.data.open import open_data
from trainwell.recipes import choose
from trainwell.search.running.side_by_side import SideBySide
from trainwell.search.work import Work
from trainwell.training.setup import shape_of

data = open_data(three_clouds())
runner = SideBySide(Work(data, choose(shape_of(data))[0].edit(EDITS)), workers=1)

def judge(trial, score):
    print(runner.workers[0], runner._folder.name, flush=True)
    return True

list(runner.run([trial(0, epochs=2000.0)], judge))
"""


def test_no_worker_outlives_its_parent() -> None:
    root = Path(__file__).parents[3]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        cwd=root,
        env=os.environ | {"PYTHONPATH": f"{root / 'tests'}:{root / 'src'}"},
    )
    assert parent.stdout is not None
    pid, folder = parent.stdout.readline().split()
    assert Path(f"/proc/{int(pid)}").exists() and Path(folder.decode()).exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{int(pid)}").exists() and "Z" not in _state(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{int(pid)}").exists() or "Z" in _state(int(pid))
    assert not Path(folder.decode()).exists()


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]
    except FileNotFoundError:
        return "Z"


class Noisy(Dataset):  # type: ignore[type-arg]
    """A data set that augments by itself."""

    def __init__(self) -> None:
        self.draws = np.random.default_rng(0)

    def __len__(self) -> int:
        return 64

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(self.draws.normal(size=6)).float(), row % 3


def test_a_worker_that_cannot_start_says_why(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such library >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with (
        SideBySide(work, workers=1) as runner,
        pytest.raises(Failed, match="could not start: exit code 1: no such"),
    ):
        list(runner.run([trial(0)], go_on))


def test_a_gpu_is_not_shared_by_processes(work: Work) -> None:
    on_gpu = Work(work.data, work.recipe, device=torch.device("cuda"))
    with pytest.raises(BadValue, match="cores of a CPU"):
        SideBySide(on_gpu)


def test_what_only_this_process_can_do_is_refused(recipe: Recipe, work: Work) -> None:
    with pytest.raises(BadValue, match="changes from one reading to the next"):
        SideBySide(Work(wrap(Noisy()), recipe.edit(["preprocess=none"])))
    with pytest.raises(BadValue, match="given as an object"):
        SideBySide(Work(work.data, recipe, given=torch.nn.Linear(6, 3)))


def test_leaving_early_keeps_the_idle_workers_only(side: SideBySide) -> None:
    run = side.run([trial(0), trial(1, epochs=1000.0)], go_on)
    assert next(run).number == 0
    run.close()
    assert len(side.workers) == 1
    assert set(results(side, [trial(2)])) == {2}
