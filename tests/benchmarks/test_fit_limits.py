"""Limits found on toy records in which the right ones are known, and trust counted by hand."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import fit_limits
from doctor.recorded import Record
from fit_limits import CAUSE, GRID, SOUND, WRONG, Answers, fit, fit_one, grid, middle, worth
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.gather import gather
from trainwell.diagnoses.problems import Suspicion, problems
from trainwell.family import Member
from trainwell.probes.parts import parts


def toy_rule(evidence: Evidence, limits: Mapping[str, float]) -> Suspicion | None:
    """A toy: `big` where one number is above its limit, `long` where another is."""
    if evidence.initial_constant is not None and evidence.initial_constant > limits["size"]:
        return Suspicion("big", "It is big.", "Make it small.")
    if evidence.trial_steps > limits["steps"]:
        return Suspicion("long", "It is long.", "Make it short.")
    return None


TOY = Member(
    "toys",
    "toy",
    toy_rule,
    facts={"ranges": {"size": (0.01, 100.0), "steps": (0.0, 120.0)}, "signs": ("big", "long")},
)


def case(
    kind: str, *, size: float = 0.0, steps: int = 0, accepts: str = "toy", cause: str = "", family: str = "a"
) -> Record:
    nothing: dict[str, Any] = dict.fromkeys(Evidence.__dataclass_fields__)
    seen = Evidence(**(nothing | {"initial_constant": size, "trial_steps": steps, "trials": {}, "unseen": ()}))
    told = {"accepts": [accepts], "cause": [cause], "labels": [], "also_works": []}
    about = {"id": f"{family}/{kind}-{size}-{steps}", "family": family, "kind": kind, "name": kind, **told}
    return Record(case=about, evidence=seen, seconds=1.0, error=None, share=1.0)


def fitted(*cases: Record) -> tuple[dict[str, float], dict[str, float]]:
    found = fit_one(TOY, Answers(cases), range(len(cases)))
    return dict(found.limits), dict(found.trust)


def test_a_grid_goes_by_factors_or_by_steps() -> None:
    by_factors = grid(0.01, 100.0)
    assert len(by_factors) == GRID
    assert (by_factors[0], by_factors[-1]) == (0.01, 100.0)
    assert by_factors[1:] == pytest.approx([value * 10 ** (1 / 3) for value in by_factors[:-1]], rel=1e-3)
    by_steps = grid(-0.5, 0.7)
    assert by_steps == pytest.approx([-0.5 + 0.1 * place for place in range(GRID)])


def test_of_equally_good_values_the_middle_of_the_longest_run() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert middle(values, [0, 1, 0, 1, 1, 1, 0]) == 5.0
    assert middle(values, [1, 1, 1, 0, 1, 1, 0]) == 2.0
    assert middle(values, [2, 2, 2, 2, 2, 2, 2]) == 4.0
    assert middle(values, [0, 0, 0, 0, 0, 0, 3]) == 7.0
    assert middle([1.0, 2.0], [0, 0]) == 2.0


def test_what_answers_are_worth() -> None:
    cases = [
        case("fault"),
        case("fault", cause="toy"),
        case("fault", accepts="other"),
        case("clean"),
        case("clean"),
    ]
    assert worth(TOY, cases, ["big", None, None, None, None]) == 1
    assert worth(TOY, cases, [None, "big", None, None, None]) == 1 + CAUSE
    assert worth(TOY, cases, [None, None, "big", None, None]) == -WRONG
    assert worth(TOY, cases, [None, None, None, "big", None]) == -SOUND
    assert worth(TOY, cases, [None] * 5) == 0


def test_a_limit_lies_in_the_middle_between_sound_and_faulty() -> None:
    """Sound up to 0.3 and faulty from 30 on: of the grid 0.46, 1, 2.2, 4.6, 10, 22 part them."""
    sound = [case("clean", size=size) for size in (0.05, 0.1, 0.3)]
    faulty = [case("fault", size=size) for size in (30, 40, 50, 60)]
    limits, trust = fitted(*sound, *faulty)
    assert limits["size"] == 4.642
    assert limits["steps"] == 60  # nothing tells: the middle
    assert trust == {"big": round((4 + 1) / (4 + 2), 4), "long": 0.5}


def test_a_sound_program_weighs_more_than_a_fault() -> None:
    """A sound one at 5, a fault at 3 and three above: that at 3 is given up, and one of another kind put up with."""
    faulty = [case("fault", size=size) for size in (3, 30, 40, 50)]
    other = case("fault", size=35, accepts="other")
    limits, trust = fitted(case("clean", size=5), *faulty, other)
    assert 5 < limits["size"] < 30
    assert trust["big"] == round((3 + 1) / (4 + 2), 4)


def test_many_faults_outweigh_one_sound_program() -> None:
    """Five causes at 3, each worth 1.5, and one sound at 5: they are worth it; the sound one counts twice as wrong."""
    limits, trust = fitted(case("clean", size=5), *(case("fault", size=3, cause="toy") for _ in range(5)))
    assert limits["size"] < 3
    assert trust["big"] == round((5 + 1) / (5 + SOUND / 2 + 2), 4)


def test_two_limits_of_one_rule_are_found_together() -> None:
    sound = [case("clean", size=0.3, steps=25), case("clean", size=0.1, steps=10)]
    faulty = [case("fault", size=30), case("fault", steps=95), case("fault", steps=115)]
    limits, trust = fitted(*sound, *faulty)
    assert limits == {"size": 4.642, "steps": 60.0}
    assert trust == {"big": round(2 / 3, 4), "long": round(3 / 4, 4)}


def test_only_the_rows_asked_for_teach() -> None:
    cases = [case("clean", size=0.3), case("fault", size=30), case("clean", size=60)]
    without = fit_one(TOY, Answers(cases), [0, 1])
    assert without.limits["size"] == 4.642
    assert fit_one(TOY, Answers(cases), [0, 1, 2]).limits["size"] >= 60


def test_what_has_no_evidence_teaches_nothing() -> None:
    broken = Record(case=case("clean").case, evidence=None, seconds=1.0, error="Broken", share=1.0)
    assert len(Answers([broken, case("fault")]).cases) == 1


@pytest.fixture(scope="module")
def real() -> list[Record]:
    """Records of two programs: one whose rate is far too low, and its clean twin, which has learnt all."""
    x = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long()
    x[:, 0] += 4 * y
    found = []
    for rate, kind in ((0.1, "clean"), (1e-3, "fault")):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        given = torch.optim.SGD(model.parameters(), lr=rate)
        seen = gather(parts(model, nn.CrossEntropyLoss(), given, (x, y), (x, y), batch_size=8, epochs=5))
        like = case(kind, accepts="learning-rate-too-low", cause="learning-rate-too-low", family=kind)
        found.append(Record(case=like.case, evidence=seen, seconds=1.0, error=None, share=1.0))
    return found


def test_the_fit_is_the_same_each_time_and_within_the_ranges(real: list[Record]) -> None:
    one, other = fit(Answers(real)), fit(Answers(list(reversed(real))))
    assert one == other
    assert set(one) == {member.id for member in problems}
    for member in problems:
        for name, (low, high) in member.facts.get("ranges", {}).items():
            assert low <= one[member.id].limits[name] <= high
        assert set(one[member.id].trust) == set(member.facts["signs"])
    low_rate = one["learning-rate-too-low"].trust
    assert max(low_rate.values()) == round(2 / 3, 4)  # one right answer, by one of its signs
    assert sorted(low_rate.values())[:-1] == [0.5] * (len(low_rate) - 1)


def test_limits_are_written_as_they_were_found(
    real: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for record in real:
        record.save(tmp_path / "evidence")
    out = tmp_path / "limits.json"
    monkeypatch.setattr(sys, "argv", ["fit_limits.py", str(tmp_path / "evidence"), "--out", str(out)])
    fit_limits.main()
    written = json.loads(out.read_text())
    assert written["cases"] == {"fault": 1, "clean": 1}
    for id, found in fit(Answers(real)).items():
        assert written["problems"][id] == {"limits": found.limits, "trust": found.trust}
    assert "2 cases" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["fit_limits.py", str(tmp_path / "nothing")])
    with pytest.raises(SystemExit, match="holds no records"):
        fit_limits.main()
