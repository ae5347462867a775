"""Edits of the loss and of what stands before it."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwell.edits import Edited, edits
from trainwell.edits.encoding import encoding_of
from trainwell.family import Part
from trainwell.probes.parts import Parts, parts
from trainwell.probes.training import train

CLASSES = torch.arange(12) % 3
ONE_HOT = functional.one_hot(CLASSES, 3).float()
PAIR = torch.arange(12) % 2


def program(model: nn.Module, loss: Any, y: Tensor, task: str = "classification") -> Parts:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(len(y), 4)
    return parts(model, loss, optimizer, (x, y), (x, y), batch_size=6, epochs=1, task=task)


def done(made: Parts, name: str, /, **args: Any) -> Edited:
    found: Edited = edits.build(Part("edits", name, args), made)
    return found


def head(*behind: nn.Module, width: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, width), *behind)


@pytest.mark.parametrize(
    ("model", "loss", "y"),
    [
        (head(nn.Softmax(1)), nn.CrossEntropyLoss(), CLASSES),
        (head(nn.Softmax(1)), nn.NLLLoss(), CLASSES),
        (head(), nn.NLLLoss(), CLASSES),
        (head(nn.Softmax(1)), nn.L1Loss(), ONE_HOT),
        (head(nn.Sigmoid()), nn.MSELoss(), ONE_HOT),
        (head(nn.ReLU(), nn.Softmax(1)), nn.CrossEntropyLoss(), CLASSES),
    ],
)
def test_cross_entropy_gets_logits_and_class_numbers(model: nn.Module, loss: nn.Module, y: Tensor) -> None:
    made = program(model, loss, y)
    logits = model[:3](made.train.whole()[0])  # type: ignore[index]
    assert done(made, "loss", to="cross_entropy").why_not == ""
    assert isinstance(made.loss, nn.CrossEntropyLoss)
    torch.testing.assert_close(made.model(made.train.whole()[0]), logits)
    assert torch.equal(made.train.whole()[1], CLASSES)
    assert torch.equal(made.valid.whole()[1], CLASSES)


@pytest.mark.parametrize(
    ("y", "width", "wanted"),
    [
        (PAIR, 1, PAIR[:, None].float()),
        (PAIR[:, None].float() * 2 - 1, 1, PAIR[:, None].float()),
        (CLASSES, 3, ONE_HOT),
    ],
)
def test_binary_cross_entropy_gets_zeros_and_ones(y: Tensor, width: int, wanted: Tensor) -> None:
    made = program(head(nn.Sigmoid(), width=width), nn.BCELoss(), y)
    assert done(made, "loss", to="bce_with_logits").why_not == ""
    assert torch.equal(made.train.whole()[1], wanted)
    assert not any(isinstance(module, nn.Sigmoid) for module in made.model.modules())
    assert train(made, steps=2).broke is None


def test_nll_gets_log_probabilities() -> None:
    made = program(head(nn.Softmax(1)), nn.NLLLoss(), CLASSES)
    done(made, "loss", to="nll")
    assert isinstance(made.loss, nn.NLLLoss)
    torch.testing.assert_close(made.model(made.train.whole()[0]).exp().sum(1), torch.ones(12))
    bare = program(head(), nn.NLLLoss(), CLASSES)
    done(bare, "loss", to="nll")
    torch.testing.assert_close(bare.model(bare.train.whole()[0]).exp().sum(1), torch.ones(12))


def test_values_get_the_squared_error_in_columns_and_no_activation() -> None:
    y = torch.randn(12)
    made = program(head(nn.Sigmoid(), width=1), nn.BCELoss(), y, "regression")
    assert done(made, "loss", to="mse").why_not == ""
    assert torch.equal(made.train.whole()[1], y[:, None])
    assert isinstance(made.loss, nn.MSELoss)
    assert isinstance(made.model[3], nn.Identity)  # type: ignore[index]
    assert "values" in done(made, "loss", to="cross_entropy").why_not


def test_too_few_outputs_are_refused_until_the_last_layer_is_wide_enough() -> None:
    made = program(head(width=1), nn.MSELoss(), CLASSES[:, None].float())
    assert "1 columns, and there are 3 classes" in done(made, "loss", to="cross_entropy").why_not
    assert done(made, "output-width").says == "outputs 1 -> 3"
    assert done(made, "loss", to="cross_entropy").why_not == ""
    held = {id(p) for group in made.optimizer.param_groups for p in group["params"]}
    assert {id(p) for p in made.model.parameters()} <= held
    before = made.model[2].weight.clone()  # type: ignore[index]
    assert train(made, steps=2).broke is None
    assert not torch.equal(before, made.model[2].weight)  # type: ignore[index]


def test_a_penalty_around_a_loss_is_kept() -> None:
    class Penalised(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.MSELoss()

        def forward(self, output: Tensor, target: Tensor) -> Tensor:
            loss: Tensor = self.inner(output, target) + 7
            return loss

    made = program(head(), Penalised(), ONE_HOT)
    done(made, "loss", to="cross_entropy")
    assert isinstance(made.loss, Penalised)
    assert isinstance(made.loss.inner, nn.CrossEntropyLoss)
    assert float(made.loss(torch.zeros(12, 3), CLASSES)) == pytest.approx(7 + torch.log(torch.tensor(3.0)).item())


def test_without_its_penalty_a_loss_is_what_it_was_put_around() -> None:
    class Sum(nn.Module):
        def __init__(self, *parts: nn.Module) -> None:
            super().__init__()
            self.parts = nn.ModuleList(parts)

        def forward(self, output: Tensor, target: Tensor) -> Tensor:
            return torch.stack([part(output, target) for part in self.parts]).sum()

    made = program(head(), Sum(nn.CrossEntropyLoss(label_smoothing=0.1)), CLASSES)
    assert done(made, "no-penalty").why_not == ""
    assert isinstance(made.loss, nn.CrossEntropyLoss)
    assert made.loss.label_smoothing == 0.1
    two = program(head(), Sum(nn.CrossEntropyLoss(), nn.NLLLoss()), CLASSES)
    assert "not one of torch's losses and a penalty" in done(two, "no-penalty").why_not


class Ends(nn.Module):
    """A model that calls a function at its end."""

    def __init__(self, function: Callable[[Tensor], Tensor], width: int = 3) -> None:
        super().__init__()
        self.layer = nn.Linear(4, width)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layer(x))


def test_a_last_activation_that_is_called_as_a_function_stays_and_the_loss_takes_it_back() -> None:
    made = program(Ends(functools.partial(functional.softmax, dim=1)), nn.NLLLoss(), ONE_HOT)
    assert "a function that the model calls" in done(made, "output-activation", to="none").why_not
    assert "a function that the model calls" in done(made, "loss", to="nll").why_not
    assert done(made, "loss", to="cross_entropy").why_not == ""
    x, y = made.train.whole()
    torch.testing.assert_close(
        made.loss(made.model(x), y),
        functional.cross_entropy(made.model.layer(x), CLASSES),  # type: ignore[operator]
    )
    assert train(made.copy(), steps=2).broke is None


def test_a_sigmoid_that_is_called_as_a_function_is_taken_back() -> None:
    made = program(Ends(torch.sigmoid, 1), nn.MSELoss(), PAIR[:, None].float())
    assert done(made, "loss", to="bce_with_logits").why_not == ""
    x, y = made.train.whole()
    wanted = functional.binary_cross_entropy_with_logits(made.model.layer(x), y)  # type: ignore[operator]
    torch.testing.assert_close(made.loss(made.model(x), y), wanted)
    assert "a function" in done(program(Ends(torch.relu), nn.NLLLoss(), CLASSES), "loss", to="cross_entropy").why_not


def test_an_activation_used_twice_is_only_taken_from_the_end() -> None:
    act = nn.ReLU()
    made = program(nn.Sequential(nn.Linear(4, 8), act, nn.Linear(8, 3), act), nn.CrossEntropyLoss(), CLASSES)
    done(made, "output-activation", to="none")
    assert [type(module).__name__ for module in made.model] == ["Linear", "ReLU", "Linear", "Identity"]  # type: ignore[arg-type]


def test_a_sum_inside_a_wrapped_loss_becomes_a_mean() -> None:
    made = program(head(), nn.CrossEntropyLoss(reduction="sum"), CLASSES)
    output = torch.randn(12, 3)
    summed = made.loss(output, CLASSES)
    done(made, "loss-reduction")
    torch.testing.assert_close(made.loss(output, CLASSES), summed / 12)
    assert "a function" in done(program(head(), functional.cross_entropy, CLASSES), "loss-reduction").why_not


@pytest.mark.parametrize(
    ("y", "numbers", "classes"),
    [
        (CLASSES, "y", 3),
        (ONE_HOT, "y.argmax(1)", 3),
        (PAIR.float()[:, None], "y.reshape(-1).long()", 2),
        (PAIR * 2 - 1, "(y > 0).long()", 2),
    ],
)
def test_encodings_are_told_apart(y: Tensor, numbers: str, classes: int) -> None:
    found = encoding_of(program(head(), nn.CrossEntropyLoss(), y))
    assert found is not None
    assert (found.numbers, found.num_classes) == (numbers, classes)


@pytest.mark.parametrize("y", [torch.rand(12), torch.rand(12, 3), torch.tensor([-3, 1] * 6), torch.zeros(12, 2, 2)])
def test_what_is_no_encoding_of_classes_is_none(y: Tensor) -> None:
    assert encoding_of(program(head(), nn.CrossEntropyLoss(), y)) is None
