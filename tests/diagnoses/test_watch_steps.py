"""Watching steps that are out of the ordinary: skipped, scaled, accumulated, compiled, of parts that stand still."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.diagnoses.watch import watch

from .watched import BATCH, batch, hooks, mlp, train


def bare() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 3))


def test_a_skipped_step_is_none_and_gradients_are_unscaled() -> None:
    """A scaler that starts too high leaves out its first steps; then the gradients are those of full precision."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)
    x, y = batch()
    with watch(model, optimizer) as doctor:
        for _ in range(100):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = 1000 * F.cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            doctor.step(loss)
    look = doctor.evidence().looks[0]
    model.zero_grad()
    (1000 * F.cross_entropy(model(x), y)).backward()
    wanted = float(model[0].weight.grad.norm())  # type: ignore[union-attr, operator]
    assert scaler.get_scale() < 2.0**127
    assert doctor._steps.taken < 100
    assert look.gradients["0.weight"] == pytest.approx(wanted, rel=0.05)


def test_a_fused_optimizer_is_told_the_scale() -> None:
    """Fused optimizers take the scale away by themselves: it is still on the gradients when they begin."""
    torch.manual_seed(0)
    model = nn.Linear(8, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    x, y = batch()
    loss = F.cross_entropy(model(x), y)
    wanted = torch.autograd.grad(loss, model.weight, retain_graph=True)[0]
    with watch(model, optimizer) as doctor:
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        doctor.step(loss)
    assert doctor.evidence().looks[0].gradients["weight"] == pytest.approx(float(wanted.norm()), rel=1e-4)


def test_accumulated_gradients_are_those_of_the_step() -> None:
    torch.manual_seed(0)
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, optimizer) as doctor:
        for _ in range(4):
            x, y = batch()
            loss = F.cross_entropy(model(x), y) / 4
            loss.backward()
        wanted = float(model[0].weight.grad.norm())  # type: ignore[union-attr, operator]
        optimizer.step()
        doctor.step(4 * loss)
    (look,) = doctor.evidence().looks
    assert look.gradients["0.weight"] == pytest.approx(wanted, rel=1e-5)
    assert look.units[0].num_units == 32


def test_a_closure_is_seen_with_the_gradients_it_made() -> None:
    model = nn.Linear(8, 3)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=2)
    x, y = batch()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    with watch(model, optimizer) as doctor:
        doctor.step(optimizer.step(closure))  # type: ignore[arg-type]
    assert doctor.evidence().looks[0].gradients["weight"] == pytest.approx(float(model.weight.grad.norm()), rel=1e-5)  # type: ignore[union-attr]


def test_parameters_that_stand_still_are_named() -> None:
    torch.manual_seed(0)
    model = bare()
    model[0].weight.requires_grad_(False)
    held = [p for name, p in model.named_parameters() if p.requires_grad and not name.startswith("2.")]
    doctor = train(model, optimizer=torch.optim.SGD(held, lr=0.1))
    assert doctor is not None
    change = doctor.evidence().step_change
    assert change is not None
    assert (change.frozen, change.not_held) == (("0.weight",), ("2.weight", "2.bias"))
    assert change.unmoved == ()
    moved = {one.name: one.moved for one in change.changes}
    assert not moved["2.weight"] and moved["4.weight"]


def test_a_warm_up_from_zero_is_no_standstill() -> None:
    torch.manual_seed(0)
    model = bare()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 5))
    with watch(model, optimizer) as doctor:
        for _ in range(15):
            x, y = batch()
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            doctor.step(loss)
    evidence = doctor.evidence()
    assert evidence.step_change is not None
    assert evidence.looks[0].updates["0.weight"] == 0.0
    assert evidence.step_change.unmoved == ()
    assert evidence.facts.lr == 0.1


def test_units_that_die_on_the_way_are_seen() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with watch(model, optimizer, total_steps=60) as doctor:
        for step in range(60):
            x, y = batch()
            if step == 25:
                with torch.no_grad():
                    model[0].bias[:12] = -100.0
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            doctor.step(loss)
    dead = {look.step: look.units[0].dead for look in doctor.evidence().looks}
    assert dead == {0: 0.0, 10: 0.0, 20: 0.0, 40: 0.75, 56: 0.75}


def test_a_loss_that_breaks_ends_the_curves() -> None:
    torch.manual_seed(0)
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e5)
    with watch(model, optimizer) as doctor:
        for _ in range(30):
            loss = (model(torch.randn(BATCH, 8)) - 1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            doctor.step(loss)
    evidence = doctor.evidence()
    assert evidence.watched is not None
    assert evidence.watched.broke is not None
    assert len(evidence.watched.losses) == evidence.watched.taken == evidence.watched.broke < 30


def test_of_parts_that_are_called_by_themselves_the_largest_is_seen() -> None:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Sequential(nn.Linear(64, 16), nn.Tanh()))
    model = nn.ModuleDict({"body": body, "head": nn.Linear(16, 3)})
    doctor = train(model, lambda model, x: model["head"](model["body"](x)))
    assert doctor is not None
    evidence = doctor.evidence()
    assert [text.partition(":")[0] for text in evidence.unseen] == ["what a loop does not hand on"]
    assert [unit.name for unit in evidence.looks[-2].units] == ["body.1", "body.2.1"]
    assert evidence.architecture is not None
    assert [layer.name for layer in evidence.architecture.layers] == ["body.0", "body.1", "body.2.0", "body.2.1"]
    assert evidence.looks[-1].gradients["head.weight"]
    assert not hooks(model)


def test_what_was_not_called_is_named() -> None:
    model = nn.Linear(8, 3)
    doctor = train(model, lambda model, x: F.linear(x, model.weight, model.bias))
    assert doctor is not None
    assert "neither the model nor a part of it was called" in doctor.evidence().unseen[0]
    assert doctor.evidence().looks[-1].gradients["weight"]


@pytest.mark.parametrize("way", ["wrapped", "in place"])
def test_a_compiled_network_is_compiled_once_and_trains_alike(way: str) -> None:
    counts, states = [], []
    for watched in (False, True):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        torch.manual_seed(0)
        model = mlp()
        if way == "in place":
            model.compile(backend="aot_eager")
            called = model
        else:
            called = torch.compile(model, backend="aot_eager")  # type: ignore[assignment]
        doctor = train(model, called=called, watched=watched, steps=25, every=5)
        counts.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
        states.append(list(model.state_dict().values()))
    assert doctor is not None
    assert counts[0] == counts[1]
    assert all(torch.equal(one, two) for one, two in zip(*states, strict=True))
    assert [unit.name for unit in doctor.evidence().looks[0].units] == ["2", "5"]
    assert not hooks(model)
    torch._dynamo.reset()


def test_a_compiled_part_is_not_compiled_again_by_later_looks() -> None:
    counts = []
    for steps in (15, 60):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        torch.manual_seed(0)
        part = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
        model = nn.Sequential(torch.compile(part, backend="aot_eager"), nn.Linear(16, 3))
        train(model, steps=steps, every=5)
        counts.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert counts[0] == counts[1]
    torch._dynamo.reset()
