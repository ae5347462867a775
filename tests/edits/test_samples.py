"""Edits of inputs and targets: what becomes of the numbers."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.edits import Edited, edits
from trainwell.family import Part
from trainwell.probes.parts import Parts, parts


def program(x: Any, y: Tensor, model: nn.Module | None = None, loss: Any = None, task: str | None = None) -> Parts:
    model = nn.Linear(4, 3) if model is None else model
    count = len(y) // 2
    first, second = (
        ({name: each[part] for name, each in x.items()} if isinstance(x, dict) else x[part])
        for part in (slice(None, count), slice(count, None))
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    pairs = (first, y[:count]), (second, y[count:])
    return parts(model, loss or nn.CrossEntropyLoss(), optimizer, *pairs, batch_size=4, epochs=1, task=task)


def done(made: Parts, name: str, /, **args: Any) -> Edited:
    found: Edited = edits.build(Part("edits", name, args), made)
    return found


def test_inputs_are_standardised_by_what_was_trained_on() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0], [11.0, 6.0], [1.0, 5.0]])
    made = program(x, torch.zeros(4).long(), nn.Linear(2, 2))
    done(made, "standardise-inputs")
    # Mean 2 and spread 1 of the first feature; the second one is constant in training: it is only moved.
    torch.testing.assert_close(made.train.whole()[0], torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
    torch.testing.assert_close(made.valid.whole()[0], torch.tensor([[9.0, 1.0], [-1.0, 0.0]]))


def test_images_are_standardised_by_channel() -> None:
    x = torch.randn(20, 3, 5, 5) * torch.tensor([1.0, 10.0, 100.0])[:, None, None]
    made = program(x, torch.zeros(20).long(), nn.Conv2d(3, 2, 3))
    done(made, "standardise-inputs")
    found = made.train.whole()[0]
    torch.testing.assert_close(found.std((0, 2, 3), correction=0), torch.ones(3))
    assert found[:, :, 0, 0].std(0, correction=0).sub(1).abs().max() > 1e-3  # not pixel by pixel


def test_sequences_are_standardised_along_what_the_first_layer_reads() -> None:
    x = torch.randn(40, 6, 2) * torch.tensor([1.0, 50.0]) + torch.arange(6)[:, None]
    recurrent = program(x, torch.zeros(40).long(), nn.LSTM(2, 3, batch_first=True))
    done(recurrent, "standardise-inputs")
    found = recurrent.train.whole()[0]
    torch.testing.assert_close(found.std((0, 1), correction=0), torch.ones(2))
    convolution = program(x, torch.zeros(40).long(), nn.Conv1d(6, 2, 1))
    done(convolution, "standardise-inputs")
    torch.testing.assert_close(convolution.train.whole()[0].std((0, 2), correction=0), torch.ones(6))


def test_floats_of_a_dict_are_standardised_and_whole_numbers_are_left() -> None:
    x = {"size": 100 * torch.randn(8, 2), "word": torch.arange(8)}
    made = program(x, torch.zeros(8).long(), nn.Linear(2, 2))
    found = done(made, "standardise-inputs")
    size = made.train.whole()[0]["size"]
    torch.testing.assert_close(size.mean(0), torch.zeros(2), atol=1e-6, rtol=0)
    assert torch.equal(made.train.whole()[0]["word"], torch.arange(4))
    assert "'size'" in found.code
    assert "'word'" not in found.code


@pytest.mark.parametrize(
    ("x", "why"),
    [
        (torch.arange(16).reshape(4, 4), "no input holds floating-point"),
        (torch.full((4, 4), torch.nan), "not finite"),
        ({"deep": {"er": torch.randn(4, 4)}}, "no input holds"),
    ],
)
def test_inputs_that_cannot_be_standardised_are_refused(x: Any, why: str) -> None:
    made = program(x if isinstance(x, Tensor) else torch.randn(4, 4), torch.zeros(4).long())
    if isinstance(x, dict):
        read = made.train.read
        object.__setattr__(made.train, "read", lambda numbers: (x, read(numbers)[1]))
    assert why in done(made, "standardise-inputs").why_not


def test_missing_values_become_the_mean_of_those_that_are_there() -> None:
    x = torch.tensor([[1.0, torch.nan], [3.0, torch.nan], [torch.inf, 4.0], [5.0, 6.0]])
    made = program(x, torch.zeros(4).long(), nn.Linear(2, 2))
    found = done(made, "impute")
    assert torch.equal(made.train.whole()[0], torch.tensor([[1.0, 0.0], [3.0, 0.0]]))
    assert torch.equal(made.valid.whole()[0], torch.tensor([[2.0, 4.0], [5.0, 6.0]]))
    assert found.says.startswith("50.0% of the inputs")


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ([1, 2, 3, 1], [0, 1, 2, 0]),
        ([-1.0, 1.0, 1.0, -1.0], [0.0, 1.0, 1.0, 0.0]),
        ([2, 7, 9, 2], [0, 1, 2, 0]),
    ],
)
def test_labels_are_counted_from_zero(labels: list[float], wanted: list[float]) -> None:
    y = torch.tensor(labels)[:, None]
    made = program(torch.randn(4, 4), y, task="classification")
    assert done(made, "labels-from-zero").why_not == ""
    both = torch.cat([made.train.whole()[1], made.valid.whole()[1]])
    assert torch.equal(both, torch.tensor(wanted)[:, None])
    assert both.dtype == y.dtype
    assert done(made, "labels-from-zero").why_not == "the classes are counted from 0 already"


def test_targets_are_standardised_by_column_and_classes_are_not() -> None:
    y = torch.tensor([[10.0, 1.0], [30.0, 3.0], [50.0, 5.0], [10.0, 1.0]])
    made = program(torch.randn(4, 4), y, nn.Linear(4, 2), nn.MSELoss(), "regression")
    done(made, "standardise-targets")
    assert torch.equal(made.train.whole()[1], torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    assert torch.equal(made.valid.whole()[1], torch.tensor([[3.0, 3.0], [-1.0, -1.0]]))
    assert "classes" in done(program(torch.randn(4, 4), torch.arange(4)), "standardise-targets").why_not


def test_targets_take_the_shape_of_outputs() -> None:
    made = program(torch.randn(8, 4), torch.arange(8), nn.Linear(4, 1), nn.MSELoss(), "regression")
    done(made, "column-targets")
    assert made.train.whole()[1].shape == (4, 1)
    assert made.train.whole()[1].dtype == torch.float32
    flat = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))
    made = program(torch.randn(8, 4), torch.randn(8, 1), flat, nn.MSELoss(), "regression")
    done(made, "column-targets")
    assert made.train.whole()[1].shape == (4,)
    classes = program(torch.randn(8, 4), torch.arange(8) % 3)
    assert "an output holds 3 numbers and a target 1" in done(classes, "column-targets").why_not
