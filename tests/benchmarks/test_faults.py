"""The doctor's benchmark: records, offline judgement, folds, repairs and their tables; with faultbench where it is."""

import dataclasses
import functools
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tables
from doctor import page, tools
from doctor.cases import healthy_cases, of_healthy
from doctor.folds import differences, judged_apart, left_out
from doctor.recorded import Record, done, read, recorded
from doctor.repairs import harm, try_one
from doctor.score import alarms, answer
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.gather import gather
from trainwell.diagnoses.problems import Fitted, problems, unfitted
from trainwell.edits import edits
from trainwell.probes.parts import Parts, parts

TRUTH: dict[str, list[str]] = {"labels": [], "accepts": [], "also_works": [], "cause": []}


def program(rate: float) -> Parts:
    """A linear model of two classes that a line divides, 8 steps."""
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
    y = (x.sum(1) > 0).long()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    return parts(model, nn.CrossEntropyLoss(), optimizer, (x, y), (x, y), batch_size=16, epochs=2)


@functools.cache
def evidence() -> Evidence:
    """Of a rate far too high: the loss breaks."""
    return gather(program(1e12))


def recording(id: str, kind: str = "fault", **more: Any) -> Record:
    case = {"id": id, "family": id.split("/")[0], "kind": kind, "name": id.split("/")[1], **TRUTH}
    return Record(**{"case": case, "evidence": None, "seconds": 1.0, "error": "Broken: x", "share": 1.0} | more)


def seen(id: str, kind: str = "fault") -> Record:
    return recording(id, kind, evidence=evidence(), error=None)


def trusted(share: float) -> dict[str, Fitted]:
    """The middle of every limit, and the same trust in every sign."""
    return {
        member.id: Fitted(unfitted(member).limits, dict.fromkeys(member.facts["signs"], share)) for member in problems
    }


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    one = dataclasses.replace(seen("a/one"), fingerprint="f", commit="c")
    one.save(tmp_path)
    again = read(tmp_path / "a/one")
    assert repr(again) == repr(one)  # NaN is not equal to itself
    assert not math.isfinite(again.evidence.watched.losses[-1])
    recording("a/two").save(tmp_path)
    assert [found.id for found in recorded(tmp_path)] == ["a/one", "a/two"]
    assert read(tmp_path / "a/two").error == "Broken: x"


def test_done_is_what_was_recorded_well_of_this_program(tmp_path: Path) -> None:
    one = dataclasses.replace(seen("a/one"), fingerprint="f")
    assert not done(tmp_path, one.case, 1.0, "f")
    one.save(tmp_path)
    assert done(tmp_path, one.case, 1.0, "f")
    assert not done(tmp_path, one.case, 0.1, "f")
    assert not done(tmp_path, one.case, 1.0, "changed")
    note = tmp_path / "a/one/record.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"version": 0}))
    assert not done(tmp_path, one.case, 1.0, "f")
    assert recorded(tmp_path) == []
    dataclasses.replace(one, evidence=None, error="Broken: x").save(tmp_path)
    assert not done(tmp_path, one.case, 1.0, "f")
    assert not (tmp_path / "a/one/evidence.json").exists()


def test_healthy_programs_are_given_as_their_script_runs_them() -> None:
    accumulated, build = of_healthy("accumulated")
    assert accumulated.batch_size == 32
    other = build(1)
    assert any(
        not torch.equal(a, b) for a, b in zip(accumulated.model.parameters(), other.model.parameters(), strict=True)
    )
    assert of_healthy("one_cycle")[0].scheduler is not None
    bf16, _ = of_healthy("bf16_autocast")
    x, y = bf16.train.first(4)
    assert bf16.model(x).dtype == torch.bfloat16
    assert bf16.loss(bf16.model(x), y).dtype == torch.float32


def test_each_family_is_judged_once_and_never_fitted_on() -> None:
    records = [recording(id) for id in ("b/one", "a/one", "b/two", "c/one", "c/two")]
    found = [(name, rest, [one.id for one in held]) for name, rest, held in left_out(records)]
    assert found == [
        ("a", ["b/one", "b/two", "c/one", "c/two"], ["a/one"]),
        ("b", ["a/one", "c/one", "c/two"], ["b/one", "b/two"]),
        ("c", ["b/one", "a/one", "b/two"], ["c/one", "c/two"]),
    ]
    assert [name for name, _, _ in left_out(records, singly="c")] == ["a", "b", "c/one", "c/two"]
    with pytest.raises(SystemExit, match=r"one family \(b\)"):
        list(left_out([records[0], records[2]]))


def test_an_answer_is_by_the_limits_of_its_fold() -> None:
    records = [seen("a/one"), seen("b/one"), recording("c/one")]

    def fit(ids: list[str]) -> dict[str, Fitted]:
        return trusted(0.9 if "a/one" in ids else 0.1)  # who has not seen it trusts nothing

    answers = judged_apart(records, fit)
    assert {one["severity"] for one in answers["a/one"]["findings"]} == {"note"}
    assert answers["b/one"]["findings"][0]["severity"] == "error"
    assert answers["c/one"] == {"findings": [], "error": "Broken: x", "seconds": 1.0, "changed": []}


def test_alarms_are_findings_above_a_note() -> None:
    known = trusted(0.9)
    said = [one["problem"] for one in answer(seen("h/one"), known)["findings"] if one["severity"] != "note"]
    assert said
    assert alarms([seen("h/one")], known) == {"one": said}
    assert alarms([seen("h/one")], trusted(0.1)) == {"one": []}
    with pytest.raises(SystemExit, match="h/two could not be looked at"):
        alarms([recording("h/two")], known)


def test_answers_differ_where_they_say_something_else() -> None:
    same = {"findings": [{"problem": "p"}], "error": None, "seconds": 1.0}
    late = same | {"error": "Late: x"}
    found = differences({"a": same, "b": same, "c": same}, {"a": same | {"seconds": 2.0}, "b": late, "d": same})
    assert found == {"b": (same["findings"], [*same["findings"], "Late: x"]), "c": (same["findings"], None),
                     "d": (None, same["findings"])}  # fmt: skip


def one_repair(final: list[float] | None, kind: str = "clean", acted: bool = True) -> dict[str, Any]:
    return {"kind": kind, "acted": acted, **({} if final is None else {"final": final})}


def test_harm_is_a_fall_beyond_the_noise_of_pairs() -> None:
    alone = {id: one_repair([0.9, 0.8, 0.7]) for id in ("even", "noisy", "little", "broken", "left", "fault")}
    done = {
        "even": one_repair([0.86, 0.75, 0.66]),  # differences -0.04, -0.05, -0.04: 2 errors are 0.0067
        "noisy": one_repair([0.6, 0.9, 0.7]),  # -0.3, 0.1, 0: 2 errors are 0.24, the mean is -0.067
        "little": one_repair([0.895, 0.795, 0.695]),  # -0.005 each
        "broken": one_repair(None),
        "left": one_repair(None, acted=False),
        "fault": one_repair([0.0, 0.0, 0.0], kind="fault"),
    }
    found = harm(done, alone)
    assert found == {"clean": 5, "touched": 4, "harmed": {"even": -0.0433, "broken": -0.8}, "worst": -0.8}


def test_of_a_healthy_program_it_is_told_whether_it_was_touched() -> None:
    (case,) = (one for one in healthy_cases() if one["name"] == "full_batch")
    one = try_one((case, None), tool="repair", faultbench=Path("nowhere"))
    assert (one["id"], one["kind"], one["error"], one["acted"], one["said"]) == (case["id"], "clean", None, False, "")
    assert one["steps"] > 50
    assert one["tool_seconds"] > 0
    early = try_one((case, 8000), tool="random_search", faultbench=Path("nowhere"))
    assert "unexpected keyword argument 'scheduler'" in early["error"]


def test_steps_are_counted_whoever_takes_them() -> None:
    steps = [0]
    made = program(0.1)
    with tools.counted(steps):
        tools.trained(made.copy())
    assert steps == [made.steps] == [8]
    tools.trained(made.copy())
    assert steps == [8]


def test_every_edit_can_be_drawn_within_its_ranges() -> None:
    dice, seen_ids, factors = random.Random(0), set(), []
    for _ in range(200):
        changes = tools.drawn(dice)
        assert 1 <= len({change.name for change in changes}) == len(changes) <= 3
        seen_ids |= {change.name for change in changes}
        factors += [change.args["factor"] for change in changes if change.name == "rate"]
    assert seen_ids == set(edits.names)
    assert 0.01 <= min(factors) < 0.1 < 10 < max(factors) <= 100


def search(budget: int, rate: float = 1e-6) -> tuple[tools.Edited | None, int]:
    steps = [0]
    start = program(rate)
    given = (start.model, start.loss, start.optimizer, start.train.whole(), start.valid.whole())
    build = lambda _: (lambda p: (p.model, p.loss, p.optimizer, p.train.whole(), p.valid.whole(), 16, 2))(program(rate))  # noqa: E731
    with tools.counted(steps):
        found = tools.random_search(budget, "seed")(*given, 16, 2, "classification", build)
    return found, steps[0]


def test_a_random_search_keeps_to_its_budget_and_to_what_is_best() -> None:
    found, steps = search(240)
    assert found is not None
    assert 200 < steps <= 240
    again, _ = search(240)
    assert again is not None
    assert again.edits == found.edits
    model, loss, optimizer, train, valid, batch_size, epochs = found.build(1)
    edited = parts(model, loss, optimizer, train, valid, batch_size=batch_size, epochs=epochs)
    assert tools.trained(edited).end > tools.trained(program(1e-6)).end + 0.1
    assert search(7) == (None, 0)
    assert search(8) == (None, 8)


RATES = {
    "faults": 2, "clean": 1, "detection": 1.0, "diagnosis": 0.5, "diagnosis_cause": 0.25, "diagnosis_first": 0.5,
    "false_alarm": 0.0, "precision": 0.6667, "false_alarm_95": [0.0, 0.793], "seconds_median": 1.25,
}  # fmt: skip


JUDGED = {
    "total": RATES,
    "per_family": {"a": RATES, "b": RATES | {"clean": 0, "false_alarm": None}},
    "per_category": {"data": RATES},
    "per_problem": {"dead-units": {"right": 0, "wrong_on_faults": 1, "false_alarms": 2},
                    "overfitting": {"right": 4, "wrong_on_faults": 0, "false_alarms": 0}},
    "state_changed": 0,
}  # fmt: skip


REPAIRED = {
    "total": {"faults": 2, "recovered_0.8": 0.5, "recovered_mean": 0.61, "made_worse": 0.0, "clean_touched": 0.0},
    "harm": {"clean": 3, "touched": 1, "harmed": {"a": -0.1}, "worst": -0.1},
    "steps_median": 1200,
    "seconds_median": 9.5,
}


MACHINE = {"processor": "P", "cores": 2, "versions": {"torch": "2.13.0"}, "commit": "0123456789abcdef"}


def test_tables_say_what_was_found() -> None:
    fewer = JUDGED["per_family"]["b"] | {"detection": 0.9}
    found = {
        "machine": MACHINE,
        "detection": {
            "checkup": JUDGED,
            "checkup, limits of other families": JUDGED | {"per_family": {"b": fewer}},
            "rules": {"total": RATES | {"detection": 0.975}},
        },
        "healthy": {"checkup": {"x": [], "y": ["overfitting"], "z": []}},
        "repair": {"repair": REPAIRED, "always Adam": {"total": REPAIRED["total"]}},
        "touched": {"healthy/x": "rate(factor=0.1)"},
        "left_alone": 29,
    }
    said = page.faults(found)
    assert said.startswith("P, 2 cores; torch 2.13.0; commit 0123456789ab.")
    assert "| checkup | 1.000 | 0.500 | 0.250 | 0.500 | 0.000 | 0.667 | 0.00 - 0.79 | 1.2 | 0 |" in said
    assert "| rules | 0.975 | 0.500 | 0.250 | 0.500 | 0.000 | 0.667 | 0.00 - 0.79 | 1.2 |  |" in said
    assert "Healthy programs without a finding above a note, checkup: 2 of 3 (y: overfitting)." in said
    assert "| b | 2 | 0 | 1.000 / 0.900 | 0.500 / 0.500 | 0.250 / 0.250 |  |" in said
    assert "| a | 2 | 1 | 1.000 / - | 0.500 / - | 0.250 / - | 0.000 / - |" in said
    assert "**By family**: checkup / checkup, limits of other families" in said
    assert "| overfitting | 4 | 0 | 0 |\n| dead-units | 0 | 1 | 2 |" in said
    assert "| repair | 2 | 0.500 | 0.610 | 0.000 | 0.000 | 1 of 3 | -0.100 | 1,200 | 9.5 |" in said
    assert "| always Adam | 2 | 0.500 | 0.610 | 0.000 | 0.000 |  |  |  |  |" in said
    assert "a repair leaves as they are: 29 of 30 (healthy/x: rate(factor=0.1))." in said
    assert "not measured" not in tables.TABLES["faults"](found | {"repair": {}})
    assert "mended" not in page.faults(found | {"repair": {}})
