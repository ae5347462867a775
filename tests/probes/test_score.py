"""Scores by hand: accuracy of classes however they are written, and R2 of values."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.probes.score import score

CLASSES = torch.tensor([0, 1, 2, 1])
SCORES = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # three of four are right


class Wrapped(nn.Module):
    """A loss around one of torch's."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.BCEWithLogitsLoss()


def column(*values: float) -> Tensor:
    return torch.tensor(values)[:, None]


@pytest.mark.parametrize(
    ("output", "target", "loss", "expected"),
    [
        (SCORES, CLASSES, None, 0.75),
        (SCORES, CLASSES[:, None], None, 0.75),
        (SCORES, CLASSES.float(), None, 0.75),
        (SCORES, F.one_hot(CLASSES), None, 0.75),
        (SCORES, F.one_hot(CLASSES).float(), None, 0.75),
        (column(0.4, 0.6, 0.2, 0.9), torch.tensor([0, 1, 1, 1]), None, 0.75),  # probabilities: 1 above 1/2
        (column(0.4, 0.6, 0.2, 0.9), torch.tensor([0.0, 1.0, 1.0, 1.0]), nn.BCELoss(), 0.75),
        (torch.tensor([0.4, 0.6, 0.2, 0.9]), torch.tensor([0, 1, 1, 1]), None, 0.75),
        (column(0.4, 0.6, -0.2, 0.9), column(0, 1, 0, 1), nn.BCEWithLogitsLoss(), 0.75),  # logits: 1 above 0
        (column(0.4, 0.6, -0.2, 0.9), column(0, 1, 0, 1), F.binary_cross_entropy_with_logits, 0.75),
        (column(0.4, 0.6, -0.2, 0.9), column(0, 1, 0, 1), Wrapped(), 0.75),
        (column(0.4, 0.6, -0.2, -0.9), column(-1, 1, -1, -1), None, 0.75),  # plus and minus: 1 above 0
        (column(1.2, 1.8, 0.4, 9.0), torch.tensor([1, 2, 0, 3]), nn.MSELoss(), 0.75),  # a class number, rounded
        (torch.tensor([[0.9, 0.2], [0.8, 0.7]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]]), nn.BCELoss(), 1.0),
        (torch.tensor([[0.9, 0.2], [0.8, 0.7]]), torch.tensor([[1.0, 1.0], [1.0, 1.0]]), nn.BCELoss(), 0.75),
        (torch.tensor([[0.9, 0.2], [-0.8, 0.7]]), torch.ones(2, 2), nn.BCEWithLogitsLoss(), 0.75),
        (column(math.nan, 1.0, 0.0, math.inf), torch.tensor([0, 1, 0, 1]), None, 0.75),  # NaN is no class 1
    ],
)
def test_accuracy(output: Tensor, target: Tensor, loss: Any, expected: float) -> None:
    assert score(output, target, "classification", loss) == expected


def test_places_are_counted_one_by_one() -> None:
    words = torch.tensor([[0, 1, 1], [1, 0, 0]])
    said = F.one_hot(torch.tensor([[0, 1, 0], [1, 0, 1]])).float()  # (N, T, C), four of six are right
    assert score(said, words, "classification") == pytest.approx(4 / 6)
    assert score(said.movedim(2, 1), words, "classification") == pytest.approx(4 / 6)
    maps = torch.zeros(2, 4, 3, 5)
    maps[:, 2] = 1.0
    marked = torch.full((2, 3, 5), 2)
    marked[0, 0, 0] = 1
    assert score(maps, marked, "classification") == pytest.approx(29 / 30)


def test_r2_is_the_share_of_the_variance_that_is_explained() -> None:
    target = torch.tensor([1.0, 2.0, 3.0, 4.0])  # squares around the mean: 5
    assert score(target, target, "regression") == 1.0
    assert score(torch.tensor([1.0, 2.0, 3.0, 5.0])[:, None], target, "regression") == pytest.approx(0.8)
    assert score(torch.full((4,), 2.5), target, "regression") == 0.0
    assert score(torch.full((4,), 100.0), target, "regression") == 0.0  # never below 0
    assert score(torch.tensor([1.0, 2.0, math.nan, 4.0]), target, "regression") == 0.0
    two = torch.stack([target, 10 * target], 1)  # 505 in all, of which an error of 1 takes away little
    assert score(two + torch.tensor([1.0, 0.0]), two, "regression") == pytest.approx(1 - 4 / 505)


def test_what_has_no_score() -> None:
    assert score(torch.ones(3, 1), torch.ones(3, 1), "regression") is None  # nothing varies
    assert score(torch.zeros(0, 3), torch.zeros(0), "classification") is None
    assert score(torch.zeros(2, 3), torch.zeros(3), "classification") is None
    assert score("words", torch.zeros(3), "classification") is None
    assert score(torch.zeros(4, 3), torch.zeros(4, 2), "classification") is None
    assert score(torch.zeros(3, 2), torch.arange(3.0), "regression") == 0.0  # outputs that fit no target explain none


def test_outputs_and_targets_in_structures() -> None:
    assert score({"scores": SCORES, "state": torch.zeros(1)}, {"label": CLASSES}, "classification") == 0.75
    assert score((SCORES.requires_grad_(), None), CLASSES, "classification") == 0.75
