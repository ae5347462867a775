"""What a script holds, in one shape; and copies of it that share what the originals share and nothing with them."""

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from trainwell.errors import BadData, BadValue
from trainwell.optimizers import optimizers
from trainwell.probes.parts import Parts, of_build, parts, task_of
from trainwell.probes.samples import Samples, samples

X = torch.arange(20.0).reshape(10, 2)
Y = torch.arange(10) % 3


def program(**change: Any) -> Parts:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))
    given = {"model": model, "loss": nn.CrossEntropyLoss(), "train": (X, Y), "valid": (X[:4], Y[:4])}
    given |= {"optimizer": torch.optim.Adam(model.parameters(), lr=0.01), "batch_size": 4, "epochs": 3} | change
    return parts(**given)


class Numbered(Dataset[Any]):
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return 10

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        self.asked.append(row)
        return X[row] + torch.rand(2), Y[row]


class Stream(IterableDataset[Any]):
    def __init__(self, count: int = 10) -> None:
        self.count = count

    def __iter__(self) -> Iterator[Any]:
        return iter([(X[row % 10], Y[row % 10]) for row in range(self.count)])


def backwards(items: list[Any]) -> Any:
    x, y = zip(*items, strict=True)
    return -torch.stack(x), torch.stack(y)


@pytest.mark.parametrize(
    "source",
    [
        (X, Y),
        [X, Y],
        (X.numpy(), Y.numpy()),
        (X.tolist(), Y.tolist()),
        TensorDataset(X, Y),
        DataLoader(TensorDataset(X, Y), batch_size=3, shuffle=True),
        Stream(),
        DataLoader(Stream(), batch_size=3),
        [(X[row], Y[row]) for row in range(10)],
    ],
    ids=["tensors", "list", "arrays", "lists", "dataset", "loader", "stream", "stream loader", "list of pairs"],
)
def test_samples_are_asked_for_by_number(source: Any) -> None:
    found = samples(source)
    assert len(found) == 10
    x, y = found.batch(torch.tensor([7, 2]))
    assert x.tolist() == X[[7, 2]].tolist() and y.tolist() == Y[[7, 2]].tolist()
    assert torch.equal(found.whole()[1], Y)
    assert torch.equal(found.first(3)[0], X[:3]) and len(found.first(99)[1]) == 10


def test_structures_a_collate_and_a_long_stream() -> None:
    named = samples(({"a": X, "b": X[:, :1].numpy()}, Y))
    x, _ = named.batch(torch.tensor([3]))
    assert x["a"].tolist() == [[6.0, 7.0]] and x["b"].tolist() == [[6.0]]
    loader = DataLoader(TensorDataset(X, Y), batch_size=3, collate_fn=backwards)
    assert torch.equal(samples(loader).first(2)[0], -X[:2])
    assert 4096 <= len(samples(Stream(6000))) < 4096 + 64


def test_some_samples_and_changed_ones() -> None:
    given = samples((X, Y))
    some = given.some(torch.tensor([9, 4, 5]))
    assert len(some) == 3 and some.whole()[1].tolist() == Y[[9, 4, 5]].tolist()
    assert some.some(torch.tensor([2])).whole()[0].tolist() == X[[5]].tolist()
    doubled = some.changed(lambda batch: (2 * batch[0], batch[1])).changed(lambda batch: (batch[0] + 1, batch[1]))
    assert torch.equal(doubled.batch(torch.tensor([1]))[0], 2 * X[[4]] + 1)
    assert torch.equal(given.first(1)[0], X[:1]) and X[0, 0] == 0


def test_a_data_set_that_draws_is_asked_once_for_each_sample() -> None:
    source = Numbered()
    found = samples(source)
    first = found.batch(torch.tensor([1, 2]))[0]
    assert torch.equal(found.batch(torch.tensor([2, 1]))[0], first.flip(0))
    assert source.asked == [1, 2]
    assert not found.stored and samples((X, Y)).stored


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (7, "train is int; expected a pair"),
        ("file.csv", "train is str; expected a pair"),
        ((X, Y[:4]), r"parts of \[4, 10\] samples"),
        ((X[:0], Y[:0]), r"parts of \[0\] samples"),
        (TensorDataset(X[:0], Y[:0]), "train holds no sample"),
        (Stream(0), "train holds no sample"),
        ((X, [object()] * 10), "Expected an array or a tensor of samples"),
    ],
    ids=["number", "word", "uneven", "empty", "empty dataset", "empty stream", "objects"],
)
def test_what_holds_no_samples_is_refused(source: Any, words: str) -> None:
    with pytest.raises((BadData, BadValue), match=words):
        samples(source)


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (Y, "classification"),
        (Y.float(), "regression"),  # floats of more than two values are values, whole as they may be
        (F.one_hot(Y).float(), "classification"),
        ((Y > 0).float()[:, None], "classification"),
        (1.0 - 2.0 * (Y > 0), "classification"),
        (Y + 0.5, "regression"),
        (torch.tensor([0.25, float("nan"), 3.5, 1.0, 2.0, 3.0, 1.5, 9.0, 9.0, 9.0]), "regression"),
        ((X > 3).float(), "classification"),
        (X / 7, "regression"),
    ],
)
def test_the_task_is_told_by_the_targets(y: Tensor, task: str) -> None:
    assert task_of(samples((X, y))) == task
    assert program(train=(X, y), valid=None).task == task
    assert program(train=(X, y), valid=None, task="regression").task == "regression"


def test_steps_and_what_is_held_out() -> None:
    given = program()
    assert (given.epoch_steps, given.steps, given.own_valid) == (3, 9, True)
    split = program(valid=None, seed=1)
    assert (len(split.train), len(split.valid), split.own_valid) == (8, 2, False)
    rows = torch.cat([split.train.whole()[0], split.valid.whole()[0]])
    assert sorted(rows[:, 0].tolist()) == X[:, 0].tolist()
    assert torch.equal(program(valid=None, seed=1).valid.whole()[0], split.valid.whole()[0])
    others = [program(valid=None, seed=seed).valid.whole()[0].tolist() for seed in range(5)]
    assert len({str(one) for one in others}) > 1
    loaded = program(train=DataLoader(TensorDataset(X, Y), batch_size=5), batch_size=None)
    assert loaded.batch_size == 5


def test_copies_share_what_the_originals_share() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    model[2].weight = model[0].weight  # tied
    optimizer = torch.optim.SGD([{"params": [model[0].weight]}, {"params": [model[0].bias], "lr": 0.5}], lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    given = program(model=model, optimizer=optimizer, scheduler=scheduler)
    made = given.copy()
    assert made.model[2].weight is made.model[0].weight and made.model[0].weight is not model[0].weight  # type: ignore[index]
    assert made.optimizer.param_groups[0]["params"][0] is made.model[0].weight  # type: ignore[index]
    assert made.optimizer.param_groups[1]["lr"] == 0.5
    assert made.scheduler is not None and made.scheduler.optimizer is made.optimizer
    made.optimizer.step()
    with warnings.catch_warnings(action="ignore"):  # it was made for the original optimizer
        made.scheduler.step()
    assert made.optimizer.param_groups[0]["lr"] == 0.05 and optimizer.param_groups[0]["lr"] == 0.1
    made.notes.append("changed")
    assert given.notes == []


def take_step(given: Parts, optimizer: Optimizer) -> None:
    given.model.zero_grad()
    F.cross_entropy(given.model(X), Y).backward()
    optimizer.step()


@pytest.mark.parametrize("name", ["adamw", "lookahead", "sam", "lion"])
def test_an_optimizer_goes_on_from_where_it_was(name: str) -> None:
    """With its state, and that of an optimizer within it: original and copy take the same steps from there."""
    given = program()
    optimizer = optimizers.build(optimizers.part(name), list(given.model.parameters()))
    given.optimizer = optimizer

    def step(of: Parts) -> None:
        def closure() -> Tensor:
            of.optimizer.zero_grad()
            loss = F.cross_entropy(of.model(X), Y)
            loss.backward()
            return loss

        of.optimizer.step(closure)  # type: ignore[arg-type]

    for _ in range(3):
        step(given)
    made = given.copy()
    assert type(made.optimizer) is type(optimizer) and made.optimizer is not optimizer
    before = [p.clone() for p in given.model.parameters()]
    for _ in range(4):
        step(made)
    assert all(torch.equal(p, old) for p, old in zip(given.model.parameters(), before, strict=True))
    for _ in range(4):
        step(given)
    ends = zip(given.model.parameters(), made.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in ends)


def test_hooks_on_the_optimizer_stay_the_users() -> None:
    given = program()
    calls: list[str] = []
    given.optimizer.register_step_post_hook(lambda *_: calls.append("hook"))
    made = given.copy()
    take_step(made, made.optimizer)
    assert calls == []
    take_step(given, given.optimizer)
    assert calls == ["hook"]


network = nn.Sequential(nn.Linear(2, 3))
counted = {"calls": 0}


def by_name(output: Tensor, target: Tensor) -> Tensor:
    counted["calls"] += 1
    return F.cross_entropy(output, target) + size()


def size() -> Tensor:
    return network[0].weight.square().sum()  # type: ignore[operator,union-attr]


def losses(model: nn.Sequential) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Losses that reach for the model in ways that scripts do; each is the mean of the output and the first weight."""
    first: Any = model[0]
    several = [first.weight]

    def inner() -> Tensor:
        return first.weight.sum()

    def called(output: Tensor, _: Tensor) -> Tensor:
        return output.mean() + inner()

    def given(output: Tensor, _: Tensor, net: Any = model) -> Tensor:
        return output.mean() + net[0].weight.sum()

    class Criterion(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = model

        def forward(self, output: Tensor, _: Tensor) -> Tensor:
            return output.mean() + self.net[0].weight.sum()  # type: ignore[operator,union-attr]

    return {
        "closure": lambda output, _: output.mean() + first.weight.sum(),
        "closure over a function": called,
        "default": given,
        "parameters": lambda output, _: output.mean() + sum((w.sum() for w in several), torch.zeros(())),
        "module": Criterion(),
        "method": Criterion().forward,
        "partial": functools.partial(given, net=model),
    }


@pytest.mark.parametrize("how", list(losses(nn.Sequential(nn.Linear(2, 3)))))
def test_a_loss_that_reaches_for_the_model_is_given_the_copy(how: str) -> None:
    given = program()
    given.loss = losses(given.model)[how]  # type: ignore[arg-type]
    made = given.copy()
    with torch.no_grad():
        made.model[0].weight.fill_(2.0)  # type: ignore[index,operator,union-attr]
    output = torch.zeros(2, 3)
    assert made.loss(output, Y).item() == 16.0  # 8 weights of 2
    assert given.loss(output, Y).item() == pytest.approx(given.model[0].weight.sum().item())  # type: ignore[index,operator,union-attr]


def test_a_loss_may_name_the_model_and_count_its_calls() -> None:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    made = program(model=network, optimizer=optimizer, loss=by_name).copy()
    output = network(X)
    made.model.zero_grad()
    made.loss(output.detach(), Y).backward()
    assert network[0].weight.grad is None and made.model[0].weight.grad is not None  # type: ignore[index]
    plain = program(loss=F.cross_entropy)
    assert plain.copy().loss is F.cross_entropy  # what reaches for nothing is left as it is


def test_what_cannot_be_copied_is_refused_with_advice() -> None:
    given = program()
    given.model.kept = given.model(X)  # type: ignore[assignment]
    with pytest.raises(BadValue, match=r"cannot be copied.*Keep no results of a forward pass"):
        given.copy()


def test_a_program_made_anew() -> None:
    like = program(task="regression")

    def build(seed: int) -> tuple[Any, ...]:
        torch.manual_seed(seed)
        model = nn.Linear(2, 3)
        return model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1), (X, Y), (X, Y), 5, 2

    made = of_build(build, 3, like)
    torch.manual_seed(3)
    assert torch.equal(made.model.weight, nn.Linear(2, 3).weight)  # type: ignore[arg-type]
    assert (made.batch_size, made.epochs, made.task) == (5, 2, "regression")
    assert of_build(lambda _: like, 0, like) is like
    with pytest.raises(BadValue, match=r"must give \(model, .*got tuple of 6"):
        of_build(lambda seed: build(seed)[:6], 0, like)
    with pytest.raises(BadValue, match="got NoneType"):
        of_build(lambda _: None, 0, like)


def test_samples_are_taken_as_they_are() -> None:
    given = samples((X, Y))
    assert samples(given) is given
    assert isinstance(given, Samples)
    assert samples((np.ones((3, 2))[::-1], np.zeros(3))).count == 3  # a view from behind, which torch cannot hold
