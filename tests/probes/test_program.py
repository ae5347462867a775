import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell.errors import BadValue
from trainwell.optimizers.lookahead import lookahead
from trainwell.optimizers.muon import muon
from trainwell.optimizers.sam import sam
from trainwell.probes.program import program


def tanh_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 10))


def states(model, optimizer):
    return copy.deepcopy((model.state_dict(), optimizer.state_dict()))


def same(one, two) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[name], two[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    return one == two


def take_steps(model, optimizer, batches, first: int, count: int) -> None:
    for step in range(first, first + count):
        x, y = batches(step)

        def closure(x=x, y=y):
            optimizer.zero_grad()
            value = F.cross_entropy(model(x), y)
            value.backward()
            return value

        optimizer.step(closure)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(
        [{"params": p[:2], "lr": 0.3}, {"params": p[2:]}], lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3
    ),
    "adam": lambda p: torch.optim.AdamW(p, lr=1e-2, amsgrad=True),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=3),
    "lookahead": lambda p: lookahead([{"params": p}], lr=1e-2, k=2, inner="adam"),
    "sam": lambda p: sam([{"params": p}], lr=0.1),
    "muon": lambda p: muon([{"params": p}], lr=1e-2),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_copy_goes_on_exactly_as_the_program_would(name, batches):
    model = tanh_net()
    optimizer = OPTIMIZERS[name](list(model.parameters()))
    take_steps(model, optimizer, batches, 0, 3)
    before = states(model, optimizer)
    taken = [batches(step) for step in range(3, 6)]
    with program(model, F.cross_entropy, optimizer, taken, taken[0]) as trial:
        assert type(trial.optimizer) is type(optimizer)
        for number in range(3):
            trial.step(number)
        reached = states(trial.model, trial.optimizer)
    assert same(before, states(model, optimizer))
    take_steps(model, optimizer, batches, 3, 3)
    expected = states(model, optimizer)
    assert same(reached, expected)
    assert not same(before, expected)


def test_a_schedule_and_hooks_on_the_users_optimizer_are_left_alone(batches):
    model = tanh_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    called = []
    optimizer.register_step_post_hook(lambda *_: called.append(1))
    before = states(model, optimizer)
    attributes = set(vars(optimizer))
    with program(model, F.cross_entropy, optimizer, [batches(0)], batches(1)) as trial:
        trial.step(0)
        assert not torch.equal(trial.model[0].weight, model[0].weight)
    assert same(before, states(model, optimizer))
    assert set(vars(optimizer)) == attributes
    assert not called
    with torch.no_grad():
        optimizer.step()
    assert called == [1]


def test_parameters_of_another_model_are_not_exchanged_for_the_models(batches):
    model, other = tanh_net(), tanh_net()
    stale = torch.optim.SGD(other.parameters(), lr=0.5)
    with program(model, F.cross_entropy, stale, [batches(0)], batches(1)) as trial:
        trial.step(0)
        assert torch.equal(trial.model[0].weight, model[0].weight)
        assert trial.optimizer.param_groups[0]["params"][0] is not other[0].weight


def test_gradients_of_parameters_in_the_optimizer_alone_come_back(batches):
    model = tanh_net()
    temperature = nn.Parameter(torch.tensor(2.0))
    temperature.grad = kept = torch.tensor(7.0)
    optimizer = torch.optim.SGD([*model.parameters(), temperature], lr=0.1)
    loss = lambda output, y: F.cross_entropy(output / temperature, y)  # noqa: E731
    with program(model, loss, optimizer, [batches(0)], batches(1)) as trial:
        trial.step(0)
    assert temperature.grad is kept
    assert (kept.item(), temperature.item()) == (7.0, 2.0)


def test_tied_weights_and_a_loss_with_weights_stay_one(batches):
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, output, y):
            return F.cross_entropy(self.scale * output, y)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Linear(64, 10))
    model[2].weight = model[0].weight
    loss = Scaled()
    optimizer = torch.optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1)
    with program(model, loss, optimizer, [batches(0)], batches(1)) as trial:
        assert trial.model[2].weight is trial.model[0].weight
        trial.step(0)
        assert trial.loss.scale.item() != 1.0
    assert loss.scale.item() == 1.0


def test_a_limit_clips_all_gradients_together(batches):
    model = tanh_net()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    with program(model, F.cross_entropy, optimizer, [batches(0)], batches(1)) as trial:
        trial.limit = 0.01
        _, norm = trial.step(0)
        moved = sum(
            (new - old).detach().square().sum()
            for new, old in zip(trial.model.parameters(), model.parameters(), strict=True)
        )
    assert norm > 0.1
    # SGD with rate 1 moves by the gradient, whose length is the limit.
    assert float(moved) ** 0.5 == pytest.approx(0.01, rel=1e-3)


def test_looking_changes_neither_modes_nor_running_statistics(mlp, batches):
    optimizer = torch.optim.SGD(mlp.parameters(), lr=0.1)
    with program(mlp, F.cross_entropy, optimizer, [batches(0)], batches(1)) as trial:
        trial.model[3].eval()
        before = copy.deepcopy(trial.model.state_dict())
        evaluated = trial.held_loss(0)
        trial.losses_now(range(2), torch.default_generator.manual_seed)
        assert same(dict(trial.model.state_dict()), dict(before))
        assert [m.training for m in trial.model] == [True, True, True, False, True, True, True]
        x, y = batches(1)
        assert evaluated == F.cross_entropy(copy.deepcopy(mlp).eval()(x), y).item()
        assert trial.held_loss(0, training=True) != evaluated


def test_what_is_no_optimizer_is_refused(mlp, batches):
    refused = pytest.raises(BadValue, match="Expected a torch optimizer over the model's parameters, got float")
    with refused, program(mlp, F.cross_entropy, 0.1, [batches(0)], batches(1)):
        pass
    mlp.last = mlp[0](batches(0)[0])
    refused = pytest.raises(BadValue, match="cannot be copied")
    optimizer = torch.optim.SGD(mlp.parameters(), lr=0.1)
    with refused, program(mlp, F.cross_entropy, optimizer, [batches(0)], batches(1)):
        pass
