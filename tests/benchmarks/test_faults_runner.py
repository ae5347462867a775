"""The doctor and its rivals over faulty programs, together with the runner that knows the answers."""

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import faults
from doctor import page
from doctor.cases import healthy_cases, of_case, runner
from doctor.record import observe, record
from doctor.recorded import Record
from doctor.results import shortened
from doctor.score import answering, instead, scored

BENCH = Path(os.environ.get("TRAINWELL_FAULTBENCH", Path(__file__).parents[3] / "shared" / "faultbench"))


needs_bench = pytest.mark.skipif(not (BENCH / "faultbench.py").exists(), reason="no faultbench in TRAINWELL_FAULTBENCH")


def test_healthy_programs_are_recorded_once_and_errors_with_them(tmp_path: Path) -> None:
    cases = healthy_cases("lbfgs")
    assert [case["id"] for case in cases] == ["healthy/lbfgs"]
    broken = cases[0] | {"id": "healthy/broken", "name": "broken"}
    asked: Callable[..., list[Record]] = functools.partial(record, faultbench=None, share=0.1)
    first = {one.id: one for one in asked([*cases, broken], tmp_path)}
    assert first["healthy/lbfgs"].error is None
    assert first["healthy/lbfgs"].seconds > 0
    assert first["healthy/lbfgs"].evidence.watched.taken < first["healthy/lbfgs"].evidence.watched.planned
    assert "KeyError: 'broken'" in (first["healthy/broken"].error or "")
    assert [one.id for one in asked([*cases, broken], tmp_path)] == ["healthy/broken"]
    assert [one.id for one in asked(cases, tmp_path, again=True)] == ["healthy/lbfgs"]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return runner(BENCH)


@pytest.fixture
def cases(tmp_path: Path, bench: ModuleType) -> Path:
    """Blobs, and the same with a rate at which it breaks; one clean program of another family."""
    folder = tmp_path / "cases"
    folder.mkdir()
    clean = {
        "id": "blobs/clean", "family": "blobs", "kind": "clean", "model": [["Linear", 8], "ReLU", ["Linear", 3]],
        "data": {"name": "blobs", "args": {"n_samples": 200}, "preprocess": ["standardise"]},
        "loss": "CrossEntropyLoss",
        "optimizer": {"name": "SGD", "lr": 0.3}, "batch_size": 16, "epochs": 4, "seed": 0, "labels": [], "accepts": [],
    }  # fmt: skip
    broken = clean | {
        "id": "blobs/rate", "kind": "fault", "twin": "blobs/clean", "optimizer": {"name": "SGD", "lr": 1e12},
        "labels": ["learning-rate"], "accepts": ["learning-rate-too-high", "non-finite", "diverging-loss"],
        "cause": ["learning-rate-too-high"],
    }  # fmt: skip
    moons = clean | {"id": "moons/clean", "family": "moons", "model": [["Linear", 16], "Tanh", ["Linear", 2]]}
    moons["data"] = {"name": "moons", "args": {"n_samples": 200}, "preprocess": ["standardise"]}
    for case in (clean, broken, moons):
        (folder / f"{case['id'].replace('/', '-')}.json").write_text(json.dumps(case))
    bench.verify(str(folder))
    return folder


def command(monkeypatch: pytest.MonkeyPatch, *words: Any) -> int:
    monkeypatch.setattr(sys, "argv", ["faults.py", *map(str, words)])
    return faults.main()


@needs_bench
def test_recorded_judged_asked_by_the_runner_and_in_a_table(
    cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    at = (cases, "--out", out, "--faultbench", BENCH)
    with pytest.raises(SystemExit, match="evidence-1 lacks 3 of 3 cases, blobs/clean first"):
        command(monkeypatch, "judge", *at)
    assert command(monkeypatch, "record", *at) == 0
    assert "3/3" in capfd.readouterr().out
    assert command(monkeypatch, "record", *at) == 0
    assert "3 programs, 3 recorded already" in capfd.readouterr().out
    assert command(monkeypatch, "judge", *at) == 0
    judged = json.loads((out / "judged-1.json").read_text())
    assert (judged["total"]["faults"], judged["total"]["clean"]) == (1, 2)
    assert judged["total"]["detection"] == judged["total"]["diagnosis"] == 1.0
    # The runner's own figures of live checkups are those of the records.
    assert command(monkeypatch, "check", *at) == 0
    checked = json.loads((out / "checked.json").read_text())
    assert checked["differences"] == {}
    assert checked["state_changed"] == checked["errors"] == []
    timing = {"seconds_mean", "seconds_max", "seconds_median"}
    assert {key: value for key, value in checked["total"].items() if key not in timing} == {
        key: value for key, value in judged["total"].items() if key not in timing
    }
    assert checked["per_problem"] == judged["per_problem"]
    assert command(monkeypatch, "folds", *at) == 0
    assert {case["id"] for case in json.loads((out / "folds-1.json").read_text())["cases"]} == {
        "blobs/clean", "blobs/rate", "moons/clean"
    }  # fmt: skip
    for tool in ("as_it_is", "always_adam"):
        assert command(monkeypatch, "repair", *at, "--tool", tool) == 0
    with pytest.raises(SystemExit, match="as many steps as the repair did"):
        command(monkeypatch, "repair", *at, "--tool", "random_search")
    results = tmp_path / "faults.json"
    assert command(monkeypatch, "table", *at, "--results", results) == 0
    found = json.loads(results.read_text())
    left, adam = found["repair"]["left as it is"], found["repair"]["always Adam"]
    assert left["harm"] == {"clean": 2, "touched": 2, "harmed": {}, "worst": 0.0}
    assert left["total"]["recovered_mean"] == 0
    assert adam["total"]["recovered_mean"] > 0.2
    assert adam["steps_median"] == 0
    assert set(found["detection"]["checkup"]["per_family"]) == {"blobs", "moons"}
    assert found["detection"]["rules"]["total"]["faults"] > 100
    assert found["detection"]["checkup"]["total"]["seconds_median"] is None
    assert found["detection"]["checkup, asked by faultbench itself"]["total"]["seconds_median"] > 0
    assert "| left as it is | 1 | 0.000 |" in page.faults(found)
    assert command(monkeypatch, "judge", *at, "--only", "blobs") == 0
    with pytest.raises(SystemExit, match=r"judged-1\.json is of 2 cases, not of these 3"):
        command(monkeypatch, "table", *at, "--results", results)


@needs_bench
def test_scores_are_those_of_the_runner(cases: Path, bench: ModuleType) -> None:
    """What the runner counts of a tool it calls, and of the same answers given to it."""

    def constant(*_: Any) -> list[dict[str, str]]:
        return [{"problem": "diverging-loss", "severity": "warning"}, {"problem": "overfitting", "severity": "note"}]

    answers = {
        id: {
            "findings": [finding | {"where": ""} for finding in constant()],
            "error": None,
            "seconds": 0.0,
            "changed": [],
        }
        for id in ("blobs/clean", "blobs/rate", "moons/clean")
    }
    ours = scored(bench, cases, answers, "constant")
    with instead(bench, load_tool=lambda _: constant):
        theirs = bench.score(str(cases), "constant")
    assert ours["total"]["diagnosis"] == 1.0
    assert ours["total"]["diagnosis_cause"] == 0.0
    assert ours["total"]["false_alarm"] == 1.0
    for key in ("total", "per_family", "per_category", "per_problem"):
        assert _untimed(ours[key]) == _untimed(theirs[key])
    assert shortened(ours)["false_alarms"] == {id: ["diverging-loss"] for id in ("blobs/clean", "moons/clean")}
    assert shortened(ours)["missed"] == []
    assert shortened(ours)["misnamed"] == {}
    with pytest.raises(SystemExit, match="1 of 3 cases have no answer, moons/clean"):
        scored(bench, cases, {id: answers[id] for id in ("blobs/clean", "blobs/rate")}, "partial")


def _untimed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _untimed(item) for key, item in value.items() if not key.startswith("seconds")}


@needs_bench
def test_the_runner_is_as_it_was_afterwards(bench: ModuleType) -> None:
    before = bench.pool_map
    with pytest.raises(ZeroDivisionError), answering(bench, lambda job: 1 / job):
        list(bench.pool_map(None, [0], 1))
    assert bench.pool_map is before


@needs_bench
def test_a_case_is_given_as_the_runner_builds_it(cases: Path, bench: ModuleType) -> None:
    case = bench.read_cases(str(cases))["blobs/clean"]
    made, build = of_case(bench, case)
    assert (made.batch_size, made.epochs, made.task, made.steps) == (16, 4, "classification", 40)
    assert not torch.equal(build(3)[0][0].weight, made.model[0].weight)
    one = observe(case, faultbench=BENCH, share=0.1)
    assert one.fingerprint == bench.fingerprint(case)
    assert one.error is None
    with pytest.raises(SystemExit, match=r"no faultbench\.py in"):
        runner(cases)
