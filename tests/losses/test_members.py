import math

import pytest
import torch

from trainwell.errors import BadValue
from trainwell.losses import losses

LOGITS = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])  # probabilities (3/4, 1/4), (1/2, 1/2)


def test_cross_entropy_by_hand() -> None:
    loss = losses["cross_entropy"](LOGITS, torch.tensor([1, 0]))
    assert loss.item() == pytest.approx((math.log(4) + math.log(2)) / 2)


def test_cross_entropy_of_a_distribution_and_of_smoothing_agree() -> None:
    soft = torch.tensor([[0.1, 0.9], [0.9, 0.1]])
    by_hand = (-(0.1 * math.log(0.75) + 0.9 * math.log(0.25)) + math.log(2)) / 2
    assert losses["cross_entropy"](LOGITS, soft).item() == pytest.approx(by_hand)
    assert losses["cross_entropy"](LOGITS, torch.tensor([1, 0]), smoothing=0.2).item() == pytest.approx(by_hand)
    hard = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    assert losses["cross_entropy"](LOGITS, hard, smoothing=0.2).item() == pytest.approx(by_hand)


def test_cross_entropy_of_bf16_outputs_is_worked_out_in_float32() -> None:
    logits = torch.tensor([[10.0, 0.0]], dtype=torch.bfloat16)
    assert losses["cross_entropy"](logits, torch.tensor([0])).item() == pytest.approx(
        math.log1p(math.exp(-10)), rel=1e-3
    )


def test_bce_by_hand_for_one_and_several_questions() -> None:
    one = losses["bce"](LOGITS[:, :1], torch.tensor([1, 0]))
    assert one.item() == pytest.approx((-math.log(0.75) - math.log(0.5)) / 2)
    each = losses["bce"](LOGITS, torch.tensor([1, 0]))
    assert each.item() == pytest.approx((-math.log(0.25) - 3 * math.log(0.5)) / 4)
    assert torch.equal(each, losses["bce"](LOGITS, torch.tensor([[0.0, 1.0], [1.0, 0.0]])))


OUTPUT, TARGET = torch.tensor([[1.0], [5.0]]), torch.tensor([3.0, 4.5])  # errors -2, 0.5


def test_regression_by_hand() -> None:
    assert losses["mse"](OUTPUT, TARGET).item() == pytest.approx((4 + 0.25) / 2)
    assert losses["mae"](OUTPUT, TARGET).item() == pytest.approx((2 + 0.5) / 2)
    assert losses["huber"](OUTPUT, TARGET).item() == pytest.approx((1.5 + 0.125) / 2)
    assert losses["huber"](OUTPUT, TARGET, delta=0.25).item() == pytest.approx((0.25 * 1.875 + 0.25 * 0.375) / 2)


def test_a_column_against_a_row_is_not_broadcast_and_other_shapes_are_refused() -> None:
    with pytest.raises(BadValue, match=r"output has shape \(2, 1\) and the target \(3,\)"):
        losses["mse"](OUTPUT, torch.zeros(3))
    with pytest.raises(BadValue, match="one target a row and output"):
        losses["mae"](torch.zeros(2, 3), torch.zeros(3, 2))


def test_impossible_values_are_refused() -> None:
    with pytest.raises(BadValue, match=r"cross_entropy.smoothing=1.0"):
        losses["cross_entropy"](LOGITS, torch.tensor([1, 0]), smoothing=1.0)
    with pytest.raises(BadValue, match=r"huber.delta=0"):
        losses["huber"](OUTPUT, TARGET, delta=0)
