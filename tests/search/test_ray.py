"""Trials on a real Ray cluster of two workers on this machine, of which one is killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainwell.data.open import open_data
from trainwell.errors import BadValue, Failed
from trainwell.recipes import choose as choose_recipe
from trainwell.search.running.choose import choose
from trainwell.search.running.held import HeldRunner
from trainwell.search.running.in_turn import InTurn
from trainwell.search.trial import Score, Trial
from trainwell.search.work import Work
from trainwell.training.interrupt import listening
from trainwell.training.setup import shape_of

pytest.importorskip("ray")
EDITS = ("model=mlp", "model.widths=8", "norm_bias_rate=1", "precision=fp32", "layout=contiguous", "compile=no")


@pytest.fixture(scope="module")
def work() -> Work:
    data = open_data("iris")
    return Work(data, choose_recipe(shape_of(data))[0].edit([*EDITS, "threads=1"]))


@pytest.fixture(scope="module")
def on_ray(work: Work) -> Iterator[HeldRunner]:
    """A cluster of two workers; a trial a task. Who listens for SIGTERM does so still."""
    with listening() as stop, choose(work, "ray", workers=2, width=1) as runner:
        assert signal.getsignal(signal.SIGTERM) is stop
        yield runner


def test_no_cluster_at_the_address(work: Work) -> None:
    with pytest.raises(Failed, match=r"no Ray cluster at 127\.0\.0\.1:1"):
        choose(work, "ray:127.0.0.1:1")


def test_a_worker_dies_and_the_study_ends_complete(work: Work, on_ray: HeldRunner) -> None:
    trials = [Trial(number=n, edits=(f"optimizer.lr={0.001 * 2**n!r}",), seed=0, epochs=4.0) for n in range(6)]
    trials.append(Trial(number=6, edits=("model.norm=nothing",), seed=0, epochs=4.0))
    asked: list[tuple[int, int]] = []
    killed: list[int] = []

    def judge(trial: Trial, score: Score) -> bool:
        asked.append((trial.number, score.step))
        if trial.number == 2 and len([number for number, _ in asked if number == 2]) == 2:
            killed.extend(_ray_workers(os.getpid()))
            os.kill(killed[0], signal.SIGKILL)
        return trial.number != 4

    found = {result.number: result for result in on_ray.run(trials, judge)}
    alone = {result.number: result for result in InTurn(work).run(trials, lambda trial, _score: trial.number != 4)}
    assert killed and not Path(f"/proc/{killed[0]}").exists()
    assert sorted(found) == list(range(7))
    for number, result in alone.items():
        assert (found[number].state, found[number].value) == (result.state, result.value)
        assert found[number].scores == result.scores
    assert found[4].state == "pruned" and found[6].state == "failed" and "'nothing'" in found[6].why
    assert len(asked) == len(set(asked))  # what was judged before the kill is not judged again
    assert {found[number].how for number in range(6)} == {"ray"}


def test_fused_groups_as_tasks(work: Work, on_ray: HeldRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "_fused_group", lambda *_asked: 3)  # else it would go by timing
    trials = [Trial(number=n, edits=(f"optimizer.lr={0.002 * 2**n!r}",), seed=n, epochs=4.0) for n in range(7)]
    found = {result.number: result for result in on_ray.run(trials, lambda trial, _score: trial.number != 4)}
    alone = {result.number: result for result in InTurn(work).run(trials, lambda trial, _score: trial.number != 4)}
    assert sorted(found) == list(range(7))
    for number, result in alone.items():
        assert found[number].state == result.state
        assert found[number].value == pytest.approx(result.value, abs=1e-4)
    assert {result.how for result in found.values()} == {"ray"}


def test_another_cluster_than_the_one_joined(work: Work, on_ray: HeldRunner) -> None:
    assert "on Ray" in on_ray.chosen
    with pytest.raises(BadValue, match="joined the Ray cluster at"):
        choose(work, "ray:127.0.0.1:1")


def _ray_workers(above: int) -> list[int]:
    """Processes below this one that carry out a trial for Ray; a cluster that is not ours is left alone."""
    parents: dict[int, int] = {}
    titles: dict[int, bytes] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                pid = int(folder.name)
                titles[pid] = (folder / "cmdline").read_bytes()
                parents[pid] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended
                continue
    return [pid for pid, title in titles.items() if title.startswith(b"ray::_train") and _is_below(pid, above, parents)]


def _is_below(pid: int, above: int, parents: dict[int, int]) -> bool:
    while pid in parents and pid != above:
        pid = parents[pid]
    return pid == above
