"""Faults that are planted in somebody's own loop are named, and the same loops without them are not accused."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell.diagnoses import Diagnosis
from trainwell.diagnoses.watch import watch

STEPS = 120


def network(act: type[nn.Module] = nn.ReLU, depth: int = 3) -> nn.Sequential:
    parts: list[nn.Module] = []
    for number in range(depth):
        parts += [nn.Linear(32 if number else 10, 32), act()]
    return nn.Sequential(*parts, nn.Linear(32, 4))


def diagnosis(model: nn.Sequential, lr: float = 0.05, held: list[nn.Parameter] | None = None) -> Diagnosis:
    generator = torch.Generator().manual_seed(1)
    centres = torch.randn(4, 10, generator=generator)
    optimizer = torch.optim.SGD(held or [p for p in model.parameters() if p.requires_grad], lr=lr, momentum=0.9)
    with watch(model, optimizer, total_steps=STEPS) as doctor:
        for _ in range(STEPS):
            y = torch.randint(0, 4, (32,), generator=generator)
            x = centres[y] + torch.randn(32, 10, generator=generator)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            doctor.step(loss)
    return doctor.findings()


def named(found: Diagnosis) -> set[str]:
    loud = [finding for finding in found if finding.severity != "note"]
    return {one.problem for finding in loud for one in (finding, *finding.explains)}


def dead() -> Diagnosis:
    model = network()
    nn.init.constant_(model[2].bias, -20.0)
    return diagnosis(model)


def saturated() -> Diagnosis:
    model = network(nn.Tanh)
    for layer in model[::2]:
        nn.init.normal_(layer.weight, std=5.0)
    return diagnosis(model)


def frozen() -> Diagnosis:
    model = network()
    model[:-1].requires_grad_(False)
    return diagnosis(model)


def left_out() -> Diagnosis:
    model = network()
    return diagnosis(model, held=list(model[-1].parameters()))


PLANTED: dict[str, tuple[Callable[[], Diagnosis], set[str]]] = {
    "dead": (dead, {"dead-units"}),
    "saturated": (saturated, {"saturated-activations"}),
    "vanishing": (lambda: diagnosis(network(nn.Sigmoid, 8)), {"vanishing-gradient"}),
    "diverging": (lambda: diagnosis(network(), lr=20.0), {"diverging-loss", "learning-rate-too-high", "non-finite"}),
    "frozen": (frozen, {"frozen-parameters"}),
    "left out": (left_out, {"frozen-parameters"}),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_named(name: str) -> None:
    torch.manual_seed(0)
    fault, accepted = PLANTED[name]
    assert named(fault()) & accepted


@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh, nn.Sigmoid])
def test_its_clean_twin_is_not_accused(act: type[nn.Module]) -> None:
    torch.manual_seed(0)
    found = diagnosis(network(act, 1 if act is nn.Sigmoid else 3), lr=0.5 if act is nn.Sigmoid else 0.05)
    assert found.healthy, str(found)
    assert len(found.notes) == 1  # on what a loop does not hand on


def test_a_fine_tuned_head_over_layers_that_have_learnt_is_not_accused() -> None:
    """Frozen layers are no fault where the training comes down: here those of a network that was trained before."""
    torch.manual_seed(0)
    model = network()
    assert diagnosis(model).healthy
    model[:-1].requires_grad_(False)
    nn.init.normal_(model[-1].weight, std=0.1)
    assert diagnosis(model).healthy
