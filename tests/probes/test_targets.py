"""What is to be learnt: kinds, balance and scale, worked out by hand."""

import dataclasses
import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from trainwell.probes.targets import Target, as_vectors, kind_of, targets


def one(y: Tensor) -> Target:
    half = len(y) // 2
    found = targets(lambda step: (torch.ones(half, 1), y[step * half :][:half]), num_batches=2)
    assert len(found.parts) == 1 and found.unseen == ()
    return found.parts[0]


def repeated(*values: Any) -> Tensor:
    return torch.tensor([*values, *values])


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (repeated(0, 1, 2), "classes"),
        (repeated(0, 1), "binary"),
        (repeated(0.0, 1.0)[:, None], "binary"),
        (repeated(True, False), "binary"),
        (repeated(-1.0, 1.0), "plus_minus"),
        (repeated(-1, 1), "plus_minus"),
        (repeated([1.0, 0.0], [0.0, 1.0]), "one_hot"),
        (repeated([1, 0, 1], [0, 1, 0]), "multi_label"),
        (repeated([0.2, 0.8], [0.5, 0.5]), "distribution"),
        (repeated(0.0, 1.0, 2.0), "whole"),
        (repeated(-1, 1, 2), "whole"),
        (repeated(0.0, 0.5, 2.0), "real"),
        (repeated([0.2, 0.9], [0.5, 0.5]), "real"),
        (torch.arange(24).reshape(2, 3, 4), "classes"),
        (torch.eye(3)[torch.arange(24).reshape(2, 3, 4) % 3].movedim(-1, 1), "one_hot"),
    ],
)
def test_the_kind_of_a_target(y: Tensor, kind: str) -> None:
    assert kind_of(y) == kind
    assert one(y).kind == kind


def test_the_balance_of_classes() -> None:
    found = one(torch.tensor([0] * 6 + [1] + [3]))
    assert (found.classes, found.counts) == ((0, 1, 3), (6, 1, 1))
    assert (found.majority, found.imbalance) == (0.75, 6)
    assert found.evenness == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.125)) / math.log(3))
    even = one(torch.arange(8) % 4)
    assert (even.majority, even.imbalance, even.evenness) == (0.25, 1, pytest.approx(1))
    columns = one(repeated([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]))
    assert (columns.classes, columns.counts, columns.majority) == ((), (2, 2, 0), 0.5)
    assert columns.evenness == pytest.approx(math.log(2) / math.log(3))


def test_regression_targets_and_their_standardised_twin() -> None:
    y = torch.tensor([[100.0, 5.0], [104.0, 5.0], [96.0, 5.0], [100.5, 5.0]])
    found = one(y)
    assert (found.kind, found.classes, found.counts, found.majority) == ("real", (), (), None)
    assert found.means == pytest.approx((100.125, 5))
    spread = float(y[:, 0].double().std(correction=0))
    assert found.spreads == pytest.approx((spread, 0))
    assert found.constant_share == 0.5
    assert found.centre == pytest.approx(100.125 / spread)
    assert found.outlier == pytest.approx(4.125 / spread)
    assert one((y - y.mean(0)) / y.std(0).clamp_min(1)).centre == pytest.approx(0, abs=1e-6)


def test_a_constant_target() -> None:
    for y in (torch.full((8,), 0.1), torch.zeros(8, dtype=torch.int64)):
        found = one(y)
        assert (found.constant_share, found.centre, found.outlier) == (1, None, None)
    assert one(torch.zeros(8, dtype=torch.int64)).evenness == 0
    assert one(torch.tensor([0.0, 0, 0, 0, 0, 0, 0, 1])).constant_share == 0


def test_ignored_and_missing_values_are_left_out() -> None:
    found = one(torch.tensor([0, 1, 2, -100]))
    assert (found.kind, found.ignored, found.low, found.counts) == ("classes", 0.25, 0, (1, 1, 1))
    measured = one(torch.tensor([-100.0, 0.5, 1.0, 2.0]))
    assert (measured.ignored, measured.low) == (0, -100)
    holes = one(torch.tensor([0.0, 1.0, math.nan, math.inf]))
    assert (holes.kind, holes.finite, holes.means) == ("binary", 0.5, (0.5,))
    empty = one(torch.full((4,), math.nan))
    assert (empty.kind, empty.low, empty.means, empty.finite) == ("real", None, (None,), 0)
    json.dumps(dataclasses.asdict(empty), allow_nan=False)


def test_structures_and_what_cannot_be_seen() -> None:
    x = torch.ones(4, 1)
    y = {"class": torch.arange(4), "box": torch.rand(4, 4), "odd": torch.ones(4, dtype=torch.complex64)}
    found = targets(lambda _: (x, y), num_batches=2)
    assert [(part.name, part.shape, part.num_samples) for part in found.parts] == [("class", (), 8), ("box", (4,), 8)]
    assert found.unseen == ("target odd: complex, without an axis of samples, or of changing shape",)
    assert targets(lambda _: (x, None), num_batches=1).unseen == ("target: holds no tensor",)
    growing = targets(lambda step: (x, torch.ones(4, 1 + step)), num_batches=2)
    assert growing.parts == () and len(growing.unseen) == 1


def test_vectors_tell_how_different_targets_are() -> None:
    assert as_vectors(torch.tensor([5, 2, 5])).tolist() == [[0, 1], [1, 0], [0, 1]]
    assert as_vectors(torch.tensor([[0.0], [2.0], [0.0], [2.0]])).tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert as_vectors(torch.tensor([1.0, 3.0])).tolist() == [[-1], [1]]
    assert as_vectors(torch.full((5, 2), 0.1)).eq(0).all()
