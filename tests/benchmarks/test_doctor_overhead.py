"""The benchmark of the doctor in somebody's own loop."""

import pytest
import torch

import doctor_overhead
from doctor_overhead import CONTENDERS, NOBODY, PLANS, PLANTED, asked, program, ratios, seconds


def test_a_ratio_is_within_a_turn() -> None:
    turns = {NOBODY: [1.0, 2.0, 4.0], "watch": [1.1, 2.0, 6.0]}
    assert ratios(turns)["watch"] == {"median": 1.1, "low": 1.0, "high": 1.5}
    assert ratios(turns)[NOBODY]["median"] == 1.0


@pytest.mark.parametrize("contender", CONTENDERS)
def test_every_contender_trains(contender: str) -> None:
    assert seconds("mlp", contender, PLANS["mlp"]._replace(steps=3), 0) > 0


def test_histograms_leave_no_hooks_and_see_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
    calls = []
    histogram = torch.histc
    monkeypatch.setattr(torch, "histc", lambda *arguments: calls.append(1) or histogram(*arguments))
    with doctor_overhead.histograms(model, torch.optim.SGD(model.parameters(), lr=0.1), 1) as told:
        loss = model(torch.randn(2, 4)).sum()
        loss.backward()
        told(loss)
    assert len(calls) == 4  # two outputs, weight and bias
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", PLANTED)
def test_a_fault_and_its_twin_differ(name: str) -> None:
    faulty, twin = (program(PLANTED[name], way, 0) for way in (True, False))
    alike = repr(faulty[0]) == repr(twin[0]) and faulty[1].param_groups[0]["lr"] == twin[1].param_groups[0]["lr"]
    pairs = zip(faulty[0].parameters(), twin[0].parameters(), strict=True)
    assert not (alike and all(torch.equal(a, b) and a.requires_grad == b.requires_grad for a, b in pairs))


def test_the_doctor_is_asked_and_judged() -> None:
    wrong, right = asked("frozen layers", True, 0), asked("frozen layers", False, 0)
    assert wrong["named"] and "frozen-parameters" in wrong["findings"]
    assert not right["named"] and right["loss"] < wrong["loss"]
