"""A training by hand: its curves, its batches and its scheduler; where it breaks; and that nothing else moves."""

import copy
import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.probes.parts import Parts, parts
from trainwell.probes.training import evaluate, train


def single(lr: float = 0.25, epochs: int = 4, count: int = 4, batch_size: int = 2, **more: Any) -> Parts:
    """w x with w = 0, to be 1 on samples that are all (1, 1): each step of this rate halves the way that is left."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    samples = (torch.ones(count, 1), torch.ones(count, 1))
    optimizer = more.pop("optimizer", torch.optim.SGD)(model.parameters(), lr=lr)
    make = more.pop("scheduler", None)
    given = {"batch_size": batch_size, "epochs": epochs, "scheduler": None if make is None else make(optimizer)}
    return parts(model, nn.MSELoss(), optimizer, samples, (torch.ones(3, 1), torch.ones(3, 1)), **given, **more)


def table(model: nn.Module, count: int = 50, epochs: int = 3, lr: float = 0.1, batch_size: int = 16) -> Parts:
    x = torch.randn(count, 4, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    return parts(model, nn.CrossEntropyLoss(), optimizer, (x, y), (x, y), batch_size=batch_size, epochs=epochs)


def network(*before: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(*before, nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))


def test_curves_by_hand() -> None:
    found = train(single().copy())
    quarters = [0.25**step for step in range(9)]  # the loss before each of 8 steps, and after the last
    assert (found.planned, found.taken, found.broke, found.cut) == (8, 8, None, False)
    assert found.losses == pytest.approx(quarters[:8])
    assert (found.steps[0], found.steps[-1]) == (0, 8)
    assert set(found.steps) <= {0, 2, 4, 6, 8}  # the ends of the four epochs, or some of them
    assert found.train_loss == pytest.approx([quarters[step] for step in found.steps])
    assert found.valid_loss == pytest.approx(found.train_loss)
    # In training mode: the mean over the epoch that ended.
    means = [(quarters[step - 2] + quarters[step - 1]) / 2 for step in found.steps[1:]]
    assert found.train_running == pytest.approx([1.0, *means])


def test_it_ends_as_a_loop_in_a_script_does() -> None:
    given = table(network()[:1], batch_size=50)  # type: ignore[index]  # whole batches: the order is of no account
    model, optimizer = copy.deepcopy(given.model), given.copy()
    x, y = given.train.whole()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    made = given.copy()
    found = train(made)
    for _ in range(3):
        sgd.zero_grad()
        F.cross_entropy(model(x), y).backward()
        sgd.step()
    for one, other in zip(model.parameters(), made.model.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    accuracy = float((model(x).argmax(1) == y).float().mean())
    assert found.train_score[-1] == found.valid_score[-1] == pytest.approx(accuracy)
    assert optimizer.optimizer.state_dict()["state"] == {}


def test_every_sample_comes_once_an_epoch_in_an_order_of_its_own() -> None:
    seen: list[list[float]] = []

    class Recording(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                seen.append(x[:, 0].tolist())
            return super().forward(x)

    model = Recording(1, 1)
    x = torch.arange(10.0)[:, None]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    given = parts(model, nn.MSELoss(), optimizer, (x, x), (x, x), batch_size=4, epochs=2)
    train(given.copy())
    assert [len(batch) for batch in seen] == [4, 4, 2, 4, 4, 2]
    first, second = ([row for batch in seen[low : low + 3] for row in batch] for low in (0, 3))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second and first != sorted(first)


def test_a_part_of_the_way_is_cut_and_its_end_is_the_last_look() -> None:
    found = train(single().copy(), steps=3)
    assert (found.planned, found.taken, found.cut) == (8, 3, True)
    assert found.losses == pytest.approx([1.0, 0.25, 0.0625])
    assert found.steps[-1] == 3
    assert found.end == found.valid_score[-1] and found.train_end == found.train_score[-1]
    assert train(single().copy(), steps=99).taken == 8


def test_the_end_is_the_mean_over_the_last_fifth() -> None:
    given = table(network(), epochs=120, lr=0.0005)
    found = train(given.copy())
    last = [score for step, score in zip(found.steps, found.valid_score, strict=True) if step > 0.8 * given.steps]
    assert 2 <= len(last) < len(found.steps)
    assert found.end == pytest.approx(sum(score for score in last if score is not None) / len(last))
    assert found.end is not None and found.end > 0.6  # half are answered rightly by chance


def test_a_training_that_breaks_says_where() -> None:
    found = train(single(lr=1e25, epochs=8).copy())
    assert found.broke is not None and found.broke == found.taken < found.planned
    assert not found.cut
    assert not math.isfinite(found.losses[-1]) and all(map(math.isfinite, found.losses[:-1]))
    assert found.steps[-1] == found.broke and not math.isfinite(found.train_loss[-1])
    lengths = {len(getattr(found, name)) for name in ("train_loss", "train_score", "valid_loss", "valid_score")}
    assert lengths == {len(found.steps)} == {len(found.train_running)}


def test_rates_follow_a_scheduler_of_epochs_or_of_steps() -> None:
    def rates(make: Any) -> list[float]:
        given = single(scheduler=make).copy()
        found: list[float] = []
        train(given, watch=lambda *_: found.append(given.optimizer.param_groups[0]["lr"]))
        return found

    schedulers = torch.optim.lr_scheduler
    by_epoch = rates(lambda optimizer: schedulers.StepLR(optimizer, 1, 0.5))
    assert by_epoch == [0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625, 0.03125, 0.03125]
    by_step = rates(lambda optimizer: schedulers.OneCycleLR(optimizer, 1.0, total_steps=8))
    assert len(set(by_step)) > 6 and max(by_step) > 0.9 and by_step[-1] < 0.1
    epochs = rates(lambda optimizer: schedulers.CosineAnnealingLR(optimizer, 4))
    assert epochs[0] == epochs[1] and epochs[2] == epochs[3] < epochs[0]
    plateau = rates(lambda optimizer: schedulers.ReduceLROnPlateau(optimizer, patience=0, threshold=0.99))
    assert plateau[0] == 0.25 and plateau[-1] < 0.25  # the loss falls to a 16th in an epoch, which is not enough


def test_an_optimizer_that_asks_for_the_loss_itself() -> None:
    found = train(single(lr=1.0, epochs=2, optimizer=torch.optim.LBFGS).copy())
    assert found.taken == 4 and found.train_loss[-1] < 1e-6


def test_a_last_batch_of_one_sample_is_left_out_where_a_norm_needs_several() -> None:
    found = train(table(network(), count=17).copy())
    assert found.taken == found.planned == 6
    assert len(found.losses) == 3
    assert len(train(table(nn.Linear(4, 2), count=17).copy()).losses) == 6


def test_the_watch_sees_gradients_and_losses_of_each_step() -> None:
    seen: list[tuple[int, float, float]] = []
    made = single().copy()

    def watch(step: int, model: nn.Module, loss: Tensor) -> None:
        seen.append((step, float(next(model.parameters()).grad), float(loss)))  # type: ignore[arg-type]

    found = train(made, watch=watch)
    assert [step for step, _, _ in seen] == list(range(1, 9))
    assert [loss for *_, loss in seen] == pytest.approx(found.losses)
    assert [gradient for _, gradient, _ in seen] == pytest.approx([-2 * 0.5**step for step in range(8)])


def test_it_depends_on_the_seed_alone_and_leaves_random_states() -> None:
    given = table(network())
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    states = (random.getstate(), np.random.get_state(), torch.get_rng_state())
    first = train(given.copy(), seed=1)
    assert random.getstate() == states[0] and torch.equal(torch.get_rng_state(), states[2])
    np.testing.assert_equal(np.random.get_state(), states[1])
    torch.manual_seed(6)
    assert train(given.copy(), seed=1) == first
    assert train(given.copy(), seed=2).losses != first.losses


def test_the_program_and_its_samples_stay_as_they_are() -> None:
    given = table(network(nn.ReLU(inplace=True)))  # the first layer works in place on the inputs
    x, y = given.train.whole()
    before = copy.deepcopy(given.model.state_dict())
    train(given.copy())
    assert all(torch.equal(value, before[name]) for name, value in given.model.state_dict().items())
    assert given.optimizer.state_dict()["state"] == {}
    assert torch.equal(given.train.whole()[0], x) and torch.equal(given.train.whole()[1], y)


def test_samples_are_evaluated_whole_and_modes_put_back() -> None:
    given = table(network(), count=1203)
    given.model[0].eval()  # type: ignore[index]
    modes = [module.training for module in given.model.modules()]
    batch = given.train.whole()
    loss, score = evaluate(given, batch)
    assert [module.training for module in given.model.modules()] == modes
    given.model.eval()
    with torch.no_grad():
        output = given.model(batch[0])
    assert loss == pytest.approx(float(F.cross_entropy(output, batch[1])), rel=1e-5)  # though it went in three passes
    assert score == pytest.approx(float((output.argmax(1) == batch[1]).float().mean()))
    given.loss = lambda output, target: F.cross_entropy(output[:2], target)
    value, score = evaluate(given, batch)
    assert math.isnan(value) and score is None


def test_long_trainings_are_thinned_out() -> None:
    found = train(single(epochs=300, lr=0.01).copy())
    assert found.taken == 600 and len(found.losses) == 300
    assert 4 <= len(found.steps) <= 64 and found.steps[0] == 0 and found.steps[-1] == 600
    short = train(single(epochs=1, count=80).copy())
    assert len(short.steps) > 2 and short.steps[-1] == 40  # an epoch is looked into
