"""A checkup: it finds a fault and not its clean twin, changes nothing, repeats itself, and refuses what cannot be."""

import contextlib
import copy
import functools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from trainwell.diagnoses import Diagnosis
from trainwell.diagnoses.checkup import checkup
from trainwell.errors import BadData, BadValue

Arguments = dict[str, Any]


def samples(count: int = 120, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Rows of six numbers, and which of three of them is the largest."""
    x = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))
    return x, x[:, :3].argmax(1)


def program(*behind: nn.Module, lr: float = 0.1, seed: int = 0) -> Arguments:
    """A healthy program, with more behind its last layer."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3), *behind)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    parts = {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "train": samples()}
    return parts | {"valid": samples(60, seed=1), "batch_size": 16, "epochs": 3}


def state(value: Any) -> Any:
    """All that a value holds, tensors copied, to be compared afterwards."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: state(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [state(item) for item in value]
    return value


def assert_same(before: Any, after: Any, where: str = "") -> None:
    if isinstance(before, Tensor):
        assert torch.equal(before, after), where
    elif isinstance(before, dict):
        assert before.keys() == after.keys(), where
        for key in before:
            assert_same(before[key], after[key], f"{where}.{key}")
    elif isinstance(before, list):
        assert len(before) == len(after), where
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            assert_same(one, other, f"{where}[{number}]")
    else:
        assert before == after, where


@contextlib.contextmanager
def unchanged(arguments: Arguments, *data: Tensor) -> Iterator[None]:
    """A block after which a program in use, and all random states, must be bit for bit what they were."""
    model, optimizer = arguments["model"], arguments["optimizer"]
    x, y = samples(16)
    F.cross_entropy(model(x), y).backward()
    optimizer.step()  # the optimizer has a state, and the parameters have gradients
    hooked = model[0].register_forward_hook(lambda *_: None)
    model[1].eval()
    model[4].bias.requires_grad_(False)
    gradients = [parameter.grad for parameter in model.parameters()]

    def seen() -> Any:
        return state(
            [
                dict(model.named_parameters()),
                dict(model.named_buffers()),
                [parameter.grad for parameter in model.parameters()],
                [parameter.requires_grad for parameter in model.parameters()],
                [module.training for module in model.modules()],
                [list(module._forward_hooks) + list(module._forward_pre_hooks) for module in model.modules()],
                [sorted(vars(module)) for module in model.modules()],
                {key: value for key, value in optimizer.state_dict().items() if key != "state"},
                list(optimizer.state_dict()["state"].values()),
                sorted(vars(optimizer)),
                list(data),
            ]
        )

    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    states = (random.getstate(), np.random.get_state(), torch.get_rng_state())
    before = seen()
    yield
    assert_same(before, seen())
    assert all(parameter.grad is old for parameter, old in zip(model.parameters(), gradients, strict=True))
    assert random.getstate() == states[0]
    np.testing.assert_equal(np.random.get_state(), states[1])
    assert torch.equal(torch.get_rng_state(), states[2])
    hooked.remove()


def problems(found: Diagnosis) -> list[str]:
    return [finding.problem for finding in found if finding.severity != "note"]


def test_a_fault_is_found_and_its_clean_twin_is_healthy() -> None:
    clean = checkup(**program())
    assert clean.healthy, clean
    faulty = checkup(**program(nn.Softmax(1)))
    assert not faulty.healthy
    assert "output-activation-mismatch" in problems(faulty)[:3], faulty


def test_the_same_program_gives_the_same_findings() -> None:
    first, second = (checkup(**program(nn.Softmax(1)), seed=4) for _ in range(2))
    assert json.dumps(first.json()) == json.dumps(second.json())
    torch.manual_seed(99)  # what is drawn does not depend on what was drawn before
    random.random()
    arguments = program(nn.Softmax(1))
    torch.manual_seed(1234)
    assert json.dumps(checkup(**arguments, seed=4).json()) == json.dumps(first.json())


class Drawn(Dataset[Any]):
    """Samples with noise that is drawn anew each time they are asked for."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        return self.x[row] + 0.01 * torch.randn(6) + 0.01 * float(np.random.rand()), self.y[row]


@pytest.mark.parametrize("kind", ["pair", "numpy", "dataset", "drawing dataset", "loader", "no validation"])
def test_nothing_is_changed_whatever_holds_the_samples(kind: str) -> None:
    arguments = program()
    (x, y), (x_valid, y_valid) = arguments["train"], arguments["valid"]
    held: dict[str, Callable[[Tensor, Tensor], Any]] = {
        "pair": lambda x, y: (x, y),
        "numpy": lambda x, y: (x.numpy(), y.numpy()),
        "dataset": TensorDataset,
        "drawing dataset": Drawn,
        "loader": lambda x, y: DataLoader(Drawn(x, y), batch_size=16, shuffle=True),
        "no validation": lambda x, y: (x, y),
    }
    arguments |= {"train": held[kind](x, y), "valid": held[kind](x_valid, y_valid)}
    if kind == "loader":
        del arguments["batch_size"]
    if kind == "no validation":
        del arguments["valid"]
    with unchanged(arguments, x, y, x_valid, y_valid):
        found = checkup(**arguments, seconds=2.0)
    assert isinstance(found, Diagnosis)


class ByName(nn.Module):
    """Takes and gives a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"scores": self.body(batch["row"] * batch["scale"])}


def by_name(count: int, seed: int) -> tuple[dict[str, Tensor], Tensor]:
    x, y = samples(count, seed)
    return {"row": x, "scale": torch.ones(count, 1)}, y


def test_a_program_of_dicts_is_looked_at_and_left_as_it_is() -> None:
    torch.manual_seed(0)
    model = ByName()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    (inputs, y), valid = by_name(120, 0), by_name(60, 1)
    before = state([dict(model.named_parameters()), inputs, y, optimizer.state_dict()])
    found = checkup(
        model,
        lambda output, target: F.cross_entropy(output["scores"], target),
        optimizer,
        (inputs, y),
        valid,
        batch_size=16,
        epochs=10,
    )
    assert_same(before, state([dict(model.named_parameters()), inputs, y, optimizer.state_dict()]))
    assert found.healthy, found


network = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))


def penalised(output: Tensor, target: Tensor) -> Tensor:
    """A loss that reaches for a network by a global name, as one in a script does."""
    return F.cross_entropy(output, target) + weight_of_all()


def weight_of_all() -> Tensor:
    return 1e-4 * sum((parameter.square().sum() for parameter in network.parameters()), torch.zeros(()))


@pytest.mark.parametrize("how", ["closure", "global", "default", "partial", "method"])
def test_a_loss_over_the_model_itself_leaves_the_model_alone(how: str) -> None:
    arguments = program()
    model = network if how == "global" else arguments["model"]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def over(output: Tensor, target: Tensor, net: nn.Module = model) -> Tensor:
        return F.cross_entropy(output, target) + 1e-4 * net[0].weight.square().sum()  # type: ignore[index,operator,union-attr]

    def first(net: nn.Module, output: Tensor, target: Tensor) -> Tensor:
        return over(output, target, net)

    class Holder:
        def __init__(self) -> None:
            self.net = model

        def loss(self, output: Tensor, target: Tensor) -> Tensor:
            return over(output, target, self.net)

    losses: dict[str, Any] = {
        "closure": lambda output, target: F.cross_entropy(output, target) + 1e-4 * model[0].weight.square().sum(),
        "global": penalised,
        "default": over,
        "partial": functools.partial(first, model),
        "method": Holder().loss,
    }
    arguments |= {"model": model, "optimizer": optimizer, "loss": losses[how]}
    with unchanged(arguments):
        checkup(**arguments, seconds=1.0)


def test_a_model_in_use_is_looked_at_as_it_trains() -> None:
    """Evaluation mode, a frozen layer that others have learnt, a compiled model, a scheduler: no reason for alarm."""
    arguments = program()
    arguments["model"].eval()
    arguments["scheduler"] = torch.optim.lr_scheduler.StepLR(arguments["optimizer"], 1, 0.5)
    before = copy.deepcopy(arguments["scheduler"].state_dict())
    assert checkup(**arguments).healthy
    assert arguments["scheduler"].state_dict() == before
    assert arguments["optimizer"].param_groups[0]["lr"] == 0.1
    wrapped = program()
    wrapped["model"] = torch.compile(wrapped["model"], backend="eager")
    assert checkup(**wrapped).json() == checkup(**program()).json()


def test_a_build_makes_programs_of_other_seeds() -> None:
    seeds: list[int] = []

    def build(seed: int) -> tuple[Any, ...]:
        seeds.append(seed)
        return tuple(program(lr=1e-5, seed=seed).values())

    arguments = program(lr=1e-5)
    checkup(**arguments, build=build)
    assert seeds
    with pytest.raises(BadValue, match=r"build is int; expected a function"):
        checkup(**arguments, build=3)  # type: ignore[arg-type]


def test_a_cap_on_the_seconds_is_among_the_notes() -> None:
    whole, capped = checkup(**program(lr=1e-5)), checkup(**program(lr=1e-5), seconds=1e-3)
    assert not any("cut short" in note for note in whole.notes)
    assert any("cut short" in note for note in capped.notes)
    assert len(capped.notes) > len(whole.notes)
    assert checkup(**program(lr=1e-5), seconds=600.0).json() == whole.json()


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(())


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"model": print}, BadValue, "model is builtin_function_or_method; expected a torch.nn.Module"),
        ({"loss": 3}, BadValue, r"loss is int; expected a callable: loss\(output, target\)"),
        ({"optimizer": 0.1}, BadValue, "optimizer is float; expected a torch.optim.Optimizer"),
        ({"train": 5}, BadData, "train is int; expected a pair"),
        ({"train": (torch.zeros(3, 6), torch.zeros(2))}, BadData, r"train holds parts of \[2, 3\] samples"),
        ({"valid": (torch.zeros(0, 6), torch.zeros(0))}, BadData, "valid holds parts of"),
        ({"train": Endless()}, BadData, "train holds no sample"),
        ({"batch_size": None}, BadValue, "batch_size=None is not possible"),
        ({"batch_size": 0}, BadValue, "batch_size=0 is not possible: expected a whole number of 1 or more"),
        ({"epochs": 1.5}, BadValue, "epochs=1.5 is not possible"),
        ({"task": "ranking"}, BadValue, "task='ranking' is not possible"),
        ({"seconds": 0}, BadValue, "seconds=0 is not possible: expected a number above 0"),
        ({"seconds": "soon"}, BadValue, "seconds='soon' is not possible"),
        ({"seed": -1}, BadValue, "seed=-1 is not possible"),
    ],
)
def test_what_cannot_be_is_refused_with_one_message(change: Arguments, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        checkup(**program() | change)


def test_a_model_that_cannot_be_copied_is_refused_with_advice() -> None:
    arguments = program()
    arguments["model"].last = arguments["model"](samples()[0]).sum()  # a result with its graph
    with pytest.raises(BadValue, match=r"cannot be copied.*Keep no results of a forward pass"):
        checkup(**arguments)
