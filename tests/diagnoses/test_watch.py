"""A doctor in somebody's own loop: what it sees, and that it changes nothing."""

import copy
import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.diagnoses.evidence import Evidence, load
from trainwell.diagnoses.watch import watch
from trainwell.errors import BadValue

from .watched import BATCH, batch, hooks, mlp, train


class Functional(nn.Module):
    """Residual, two inputs by keyword, a dictionary out, a module used twice, tied weights, functional activations."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.last = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 3)
        self.tied = nn.Linear(16, 16, bias=False)
        self.tied.weight = self.again.weight

    def forward(self, *, x: Tensor, shift: Tensor) -> dict[str, Tensor]:
        inside = F.relu(self.first(x)) + shift
        for _ in range(2):
            inside = inside + torch.sigmoid(self.again(inside))
        return {"logits": self.last(F.relu_(self.tied(inside)))}


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.LSTM(2, 16, batch_first=True)
        self.head = nn.Sequential(nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 3))

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.cells(x.view(len(x), 4, 2))
        return self.head(states[:, -1])


def frozen() -> nn.Module:
    model = mlp()
    model[0].requires_grad_(False)
    return model


def call_functional(model: nn.Module, x: Tensor) -> Tensor:
    return model(x=x, shift=x[:, :1])["logits"]


PROGRAMS: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module, Tensor], Tensor]]] = {
    "plain": (mlp, lambda model, x: model(x)),
    "functional": (Functional, call_functional),
    "recurrent": (Recurrent, lambda model, x: model(x)),
    "frozen": (frozen, lambda model, x: model(x)),
    "convolutions": (
        lambda: nn.Sequential(
            nn.Unflatten(1, (2, 2, 2)), nn.Conv2d(2, 6, 1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(24, 3)
        ),
        lambda model, x: model(x),
    ),
}


def seen(**options: Any) -> Evidence:
    torch.manual_seed(0)
    doctor = train(mlp(), **options)
    assert doctor is not None
    return doctor.evidence()


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_training_is_to_the_bit_what_it_is_without(name: str) -> None:
    make, forward = PROGRAMS[name]
    states = []
    for watched in (False, True):
        torch.manual_seed(0)
        model = make()
        doctor = train(model, forward, watched=watched, every=3)
        states.append((list(model.state_dict().values()), torch.get_rng_state()))
        if doctor is not None:
            evidence = doctor.evidence()
            assert len(evidence.looks) == 12
            assert all(look.units for look in evidence.looks[:-1])  # the last began at the last step
            assert not hooks(model)
    (plain, random), (other, after) = states
    assert all(torch.equal(one, two) for one, two in zip(plain, other, strict=True))
    assert torch.equal(random, after)


def test_numbers_of_a_look_are_those_of_the_step() -> None:
    """One layer, one step, all worked out beside it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1))
    with torch.no_grad():
        model[0].bias[0] = -100.0  # a dead unit
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    x = torch.randn(200, 8)
    with watch(model, optimizer) as doctor:
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        doctor.step(loss)
    (look,) = doctor.evidence().looks
    (unit,) = look.units
    active = F.relu(x @ start["0.weight"].T + start["0.bias"])
    gradient = model[0].weight.grad
    assert gradient is not None
    assert (look.step, unit.name, unit.num_units, unit.dead) == (0, "1", 4, 0.25)
    few = active[:: math.ceil(200 / 32)]
    assert unit.zeros == pytest.approx(float((few == 0).float().mean()), abs=1e-6)
    assert unit.rms == pytest.approx(float(few.square().mean().sqrt()), rel=1e-4)
    assert unit.between == pytest.approx(float(few.var(0, correction=0).mean().sqrt()) / unit.rms, rel=1e-4)
    assert look.gradients["0.weight"] == pytest.approx(float(gradient.norm()), rel=1e-5)
    assert look.updates["0.weight"] == pytest.approx(float(0.5 * gradient.norm() / start["0.weight"].norm()), rel=1e-4)
    assert look.norms["2.weight"] == pytest.approx(float(model[2].weight.detach().norm()), rel=1e-5)
    every = [float(p.grad.norm()) for p in model.parameters() if p.grad is not None]
    assert look.gradient_norm == pytest.approx(math.hypot(*every), rel=1e-5)


def test_what_the_loop_shows_of_the_script() -> None:
    evidence = seen(total_steps=45)
    facts, curves = evidence.facts, evidence.watched
    assert curves is not None
    assert (facts.loss, facts.task, facts.optimizer, facts.batch_size) == (
        "CrossEntropyLoss",
        "classification",
        "SGD",
        BATCH,
    )
    assert (facts.lr, facts.steps, curves.taken, curves.planned) == (0.1, 45, 45, 45)
    assert [look.step for look in evidence.looks] == [0, 10, 20, 40, 41]
    assert len(curves.losses) == 45
    assert curves.train_running[-1] < 0.8 * curves.train_running[0]
    assert [text.partition(":")[0] for text in evidence.unseen] == ["what a loop does not hand on"]
    assert load(evidence.json()).watched is not None


def test_copies_and_files_of_a_watched_network_are_not_watched() -> None:
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    file = io.BytesIO()
    with watch(model, optimizer) as doctor:
        copy.deepcopy(model)(torch.randn(7, 8))
        torch.save(model, file)
        file.seek(0)
        torch.load(file, weights_only=False)(torch.randn(7, 8))
        assert doctor.evidence().facts.batch_size == 0
        model(torch.randn(5, 8))
        assert doctor.evidence().facts.batch_size == 5


def test_the_graph_is_that_of_the_first_pass() -> None:
    torch.manual_seed(0)
    doctor = train(Functional(), call_functional)
    assert doctor is not None
    evidence = doctor.evidence()
    assert evidence.architecture is not None
    ids = [layer.id for layer in evidence.architecture.layers if layer.kind == "activation"]
    assert ids == ["relu", "sigmoid", "sigmoid", "relu"]
    assert [unit.name for unit in evidence.looks[0].units] == ["relu()", "sigmoid()", "sigmoid():2", "relu():2"]


def test_a_loss_of_values_is_told_by_its_graph() -> None:
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with watch(model, optimizer) as doctor:
        loss = F.mse_loss(model(torch.randn(4, 8)), torch.randn(4, 1))
        loss.backward()
        optimizer.step()
        doctor.step(loss)
    assert (doctor.evidence().facts.loss, doctor.evidence().facts.task) == ("MSELoss", "regression")


def test_the_same_training_is_seen_in_the_same_way() -> None:
    one, other = seen(), seen()
    assert repr(one.json()) == repr(other.json())


def test_scores_go_into_the_curves() -> None:
    torch.manual_seed(0)
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer, total_steps=40) as doctor:
        for step in range(40):
            x, y = batch()
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            score = (step + 1) / 40
            doctor.step(loss, {"valid": score, "train": 1.0, "valid_loss": 1 - score} if step % 10 == 9 else None)
    curves = doctor.evidence().watched
    assert curves is not None
    assert curves.steps == (0, 10, 20, 30, 40)
    assert curves.valid_score == pytest.approx((None, 0.25, 0.5, 0.75, 1.0))
    assert curves.valid_loss[1:] == pytest.approx((0.75, 0.5, 0.25, 0.0))
    assert (curves.end, curves.train_end) == (1.0, 1.0)


def test_a_score_of_another_name_is_refused() -> None:
    model = nn.Linear(8, 1)
    with watch(model, torch.optim.SGD(model.parameters(), lr=0.1)) as doctor:
        with pytest.raises(BadValue, match="'accuracy'; expected some of train, train_loss, valid, valid_loss"):
            doctor.step(1.0, {"accuracy": 1.0})
        with pytest.raises(BadValue, match=r"shape \(3,\); expected a scalar"):
            doctor.step(torch.ones(3))


def test_arguments_are_checked() -> None:
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(BadValue, match=r"model is function; expected the torch.nn.Module"):
        watch(lambda x: x, optimizer)  # type: ignore[arg-type]
    with pytest.raises(BadValue, match=r"optimizer is Linear"):
        watch(model, model)  # type: ignore[arg-type]
    with pytest.raises(BadValue, match=r"every=0 is not possible"):
        watch(model, optimizer, every=0)
    with pytest.raises(BadValue, match="enter it first"):
        watch(model, optimizer).findings()


def test_hooks_go_when_the_loop_fails() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(KeyError), watch(model, optimizer) as doctor:
        assert hooks(model)
        raise KeyError
    assert not hooks(model)
    assert not (optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks)
    assert doctor.evidence().watched is None


def test_findings_may_be_asked_for_before_anything_happened() -> None:
    model = mlp()
    with watch(model, torch.optim.SGD(model.parameters(), lr=0.1), total_steps=10) as doctor:
        assert doctor.findings().healthy
        assert "optimizer.step() was not called" in str(doctor.findings())


def test_a_pass_that_fails_leaves_nothing_behind() -> None:
    """The loop catches the error and goes on; no mode is left on torch's stack, and the next pass is seen."""
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as doctor:
        with pytest.raises(RuntimeError):
            model(torch.randn(4, 5))
        assert torch.overrides._get_current_function_mode_stack() == []
        for _ in range(4):
            x, y = batch()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            doctor.step(loss)
    assert doctor.evidence().looks[0].units


def test_passes_in_evaluation_are_not_seen() -> None:
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as doctor:
        model.eval()(torch.randn(500, 8))
        with torch.no_grad():
            model.train()(torch.randn(500, 8))
        assert doctor.evidence().facts.batch_size == 0
