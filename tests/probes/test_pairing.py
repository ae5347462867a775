"""Outputs, targets and losses that belong together, and some that do not."""

import dataclasses
import json
import math
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.errors import BadValue
from trainwell.probes.pairing import Pairing, pairing


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


CLASSES = torch.arange(32) % 4


def favour(found: Pairing) -> float:
    assert found.favour is not None, found
    return found.favour


def test_a_row_against_a_column() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        faulty = pairing(noise(32, 1), noise(32), nn.MSELoss())
    assert (faulty.broadcast, faulty.blowup) == ((32, 32), 32)
    # Every output meets every target: who belongs to whom does not matter.
    assert favour(faulty) == pytest.approx(0, abs=1e-5)
    clean = pairing(noise(32, 1), noise(32, 1, seed=1), nn.MSELoss())
    assert (clean.broadcast, clean.blowup) == (None, 1)
    assert (clean.right, favour(clean)) == (0, 1)
    # Healthy: the shapes differ, and the loss knows about it.
    mended = pairing(noise(32, 1), noise(32), lambda output, y: F.mse_loss(output[:, 0], y))
    assert (mended.blowup, favour(mended)) == (32, 1)
    classes = pairing(noise(32, 4), CLASSES, nn.CrossEntropyLoss())
    assert (classes.broadcast, classes.blowup) == (None, 1)


@pytest.mark.parametrize(
    ("output", "target", "loss"),
    [
        (noise(32, 4), CLASSES, nn.CrossEntropyLoss()),
        (noise(32, 4), F.one_hot(CLASSES).float(), nn.CrossEntropyLoss()),
        (noise(32, 4), CLASSES, nn.CrossEntropyLoss(label_smoothing=0.1)),
        (noise(32, 4).log_softmax(1), CLASSES, nn.NLLLoss()),
        (noise(32, 4), CLASSES, nn.MultiMarginLoss()),
        (noise(32, 1), (CLASSES % 2).float()[:, None], nn.BCEWithLogitsLoss()),
        (noise(32, 1).sigmoid(), (CLASSES % 2).float()[:, None], nn.BCELoss()),
        (noise(32, 1), 2 * (CLASSES % 2).float()[:, None] - 1, nn.SoftMarginLoss()),
        (noise(32, 3), noise(32, 3, seed=1) * 1000, nn.L1Loss()),
        (noise(32, 4, 5), (torch.arange(160) % 4).reshape(32, 5), nn.CrossEntropyLoss()),
    ],
)
def test_losses_prefer_right_outputs_and_negated_ones_do_not(output: Tensor, target: Tensor, loss: nn.Module) -> None:
    found = pairing(output, target, loss)
    assert favour(found) > 0.15
    assert found.doubled == pytest.approx(1, rel=1e-4)
    assert found.failure == ""
    assert favour(pairing(output, target, lambda o, y: -loss(o, y))) < -0.1


def test_figures_of_cross_entropy_by_hand() -> None:
    found = pairing(noise(2, 2), torch.tensor([0, 1]), nn.CrossEntropyLoss(reduction="sum"))
    assert found.right == pytest.approx(2 * math.log(1 + math.exp(-1)), rel=1e-5)
    assert found.doubled == pytest.approx(2, rel=1e-5)


def test_class_numbers_against_the_width() -> None:
    clean = pairing(noise(32, 4), CLASSES, nn.CrossEntropyLoss())
    assert (clean.width, clean.outside, clean.unused, clean.target_kind) == (4, 0, 0, "classes")
    wide = pairing(noise(32, 6), CLASSES, nn.CrossEntropyLoss())
    assert (wide.outside, wide.unused) == (0, 2)
    from_one = pairing(noise(32, 4), CLASSES + 1, nn.CrossEntropyLoss())
    assert (from_one.outside, from_one.unused) == (0.25, 1)
    assert "out of bounds" in from_one.failure
    assert (from_one.right, from_one.favour) == (None, None)
    ignoring = pairing(noise(32, 4), torch.where(CLASSES == 3, -100, CLASSES), nn.CrossEntropyLoss())
    assert (ignoring.ignored, ignoring.outside, ignoring.unused, ignoring.target_kind) == (0.25, 0, 1, "classes")
    assert favour(ignoring) > 0.15
    blind = pairing(noise(32, 1), noise(32, 1, seed=1), nn.CrossEntropyLoss())  # the softmax of one output is 1
    assert (blind.right, blind.favour) == (0, 0)
    single = pairing(noise(32, 1), CLASSES % 2, nn.CrossEntropyLoss())
    assert (single.width, single.outside) == (1, 0.5)
    assert pairing(noise(32, 1), noise(32, 1), nn.MSELoss()).outside is None


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (noise(32, 4).softmax(1), "probabilities"),
        (noise(32, 4).log_softmax(1), "log_probabilities"),
        (noise(32, 4).softmax(0), "unit"),
        (noise(32, 1).sigmoid(), "unit"),
        (noise(32, 4).relu(), "non_negative"),
        (-noise(32, 4).exp(), "negative"),
        (noise(32, 4), "real"),
        (noise(32, 4) / 0, "real"),
        (noise(32, 4).softmax(1).bfloat16(), "unit"),
    ],
)
def test_the_kind_of_an_output(output: Tensor, kind: str) -> None:
    found = pairing(output, CLASSES, nn.CrossEntropyLoss())
    assert found.output_kind == kind
    json.dumps(dataclasses.asdict(found), allow_nan=False)


def test_types_are_told_and_a_failing_loss_too() -> None:
    found = pairing(noise(32, 4), CLASSES.double(), nn.CrossEntropyLoss())
    assert (found.output_dtype, found.target_dtype, found.target_kind) == ("float32", "float64", "whole")
    assert found.favour is None
    same_size = pairing(noise(32, 1), CLASSES.int(), nn.CrossEntropyLoss())
    assert "out of bounds" in same_size.failure or "Error" in same_size.failure
    whole = pairing(noise(32, 4), F.one_hot(CLASSES).float(), lambda o, y: F.mse_loss(o, y, reduction="none"))
    assert whole.failure.startswith("The loss gave shape (32, 4); expected a scalar")


def test_a_loss_that_knows_one_batch_size_only_still_tells_what_it_prefers() -> None:
    found = pairing(noise(32, 1), noise(32, 1, seed=1), lambda o, y: F.mse_loss(o.view(32), y.view(32)))
    assert (found.right, favour(found), found.doubled) == (0, 1, None)
    assert "shape '[32]' is invalid" in found.failure
    unlike = pairing(noise(32, 3), noise(32, 2), lambda o, y: F.mse_loss(o[:, :2], y))
    assert (unlike.right, unlike.favour, unlike.failure) == (None, None, "")
    assert unlike.doubled == pytest.approx(1, rel=1e-5)


def test_equal_targets_favour_nothing() -> None:
    found = pairing(noise(32, 4), torch.ones(32, dtype=torch.int64), nn.CrossEntropyLoss())
    assert found.right is not None and found.favour is None
    constant = pairing(noise(32, 1), torch.full((32, 1), 3.0), nn.MSELoss())
    assert (constant.right, constant.favour) == (0, None)


@pytest.mark.parametrize("output", [{"a": 1}, torch.tensor(1.0), torch.ones(0, 1)])
def test_what_are_no_samples_is_refused(output: Any) -> None:
    with pytest.raises(BadValue, match="Expected the output as a tensor"):
        pairing(output, torch.ones(2), nn.MSELoss())


def test_different_numbers_of_samples_are_refused() -> None:
    with pytest.raises(BadValue, match="3 outputs and 2 targets"):
        pairing(torch.ones(3, 1), torch.ones(2), nn.MSELoss())


def test_nothing_is_touched_and_the_same_call_gives_the_same() -> None:
    class Counting(nn.MSELoss):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, input: Tensor, target: Tensor) -> Tensor:
            self.calls += 1
            input.mul_(1 + 1e-3 * torch.rand(()))
            return super().forward(input, target)

    loss, output, target = Counting(), noise(32, 1), noise(32, 1, seed=1)
    before, state = output.clone(), torch.get_rng_state()
    first = pairing(output, target, loss)
    assert torch.equal(output, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert float(loss.calls) == 0
    torch.manual_seed(7)
    assert pairing(output, target, loss) == first
