import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from trainwell.errors import BadValue
from trainwell.losses import balanced_weights, losses

LOGITS = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])  # probabilities (3/4, 1/4), (1/2, 1/2)


def drawn(rows: int = 12, classes: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, classes and distributions over the classes."""
    generator = torch.Generator().manual_seed(0)
    output = 2 * torch.randn(rows, classes, generator=generator)
    soft = torch.rand(rows, classes, generator=generator)
    return output, torch.randint(classes, (rows,), generator=generator), soft / soft.sum(1, keepdim=True)


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


def test_cross_entropy_takes_maps_of_classes() -> None:
    output = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    target = output.argmin(1)
    torch.testing.assert_close(losses["cross_entropy"](output, target), functional.cross_entropy(output, target))


def test_class_weights_by_hand() -> None:
    weighted = losses["cross_entropy"](LOGITS, torch.tensor([1, 0]), weights=(1.0, 3.0))
    assert weighted.item() == pytest.approx((3 * math.log(4) + math.log(2)) / 4)
    soft = losses["cross_entropy"](LOGITS, torch.tensor([[0.5, 0.5], [1.0, 0.0]]), weights=(1.0, 3.0))
    assert soft.item() == pytest.approx((0.5 * math.log(4 / 3) + 1.5 * math.log(4) + math.log(2)) / 2)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_class_weights_agree_with_torch(smoothing: float) -> None:
    output, classes, soft = drawn()
    weights = (0.5, 2.0, 1.0, 0.0, 3.0)
    for target in (classes, soft):
        ours = losses["cross_entropy"](output, target, weights=weights, smoothing=smoothing)
        torchs = functional.cross_entropy(output, target, torch.tensor(weights), label_smoothing=smoothing)
        torch.testing.assert_close(ours, torchs)
    assert losses.bind({"name": "cross_entropy", "weights": [1, 1, 1, 1, 1]})(output, classes) == losses[
        "cross_entropy"
    ](output, classes)


def test_class_weights_first_used_while_evaluating_train_afterwards() -> None:
    output, classes, _ = drawn()
    weights = (0.25, 1.0, 1.0, 1.0, 4.0)
    with torch.inference_mode():
        losses["cross_entropy"](output, classes, weights=weights)
    losses["cross_entropy"](output.requires_grad_(), classes, weights=weights).backward()
    assert output.grad.abs().sum() > 0


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = np.repeat([0, 1, 2], [70, 5, 25])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert balanced_weights([70, 5, 25]) == pytest.approx(expected)
    assert balanced_weights([70, 0, 30]) == pytest.approx([100 / 140, 1.0, 100 / 60])
    assert sum(w * n for w, n in zip(balanced_weights([70, 5, 25]), [70, 5, 25], strict=True)) == pytest.approx(100)


def test_impossible_class_weights_are_refused() -> None:
    target = torch.tensor([1, 0])
    part = losses.part("cross_entropy", weights="balanced")
    with pytest.raises(BadValue, match=r"turned into numbers .*balanced_weights\(counts\)"):
        losses.build(part, LOGITS, target)
    with pytest.raises(BadValue, match=r"weights has 3 values and the output 2 classes"):
        losses["cross_entropy"](LOGITS, target, weights=(1.0, 1.0, 1.0))
    for impossible in ((-1.0, 1.0), (0.0, 0.0), (math.inf, 1.0)):
        with pytest.raises(BadValue, match=r"expected values in \[0, inf\), not all 0"):
            losses["cross_entropy"](LOGITS, target, weights=impossible)
    with pytest.raises(BadValue, match=r"cross_entropy.weights='even' is not possible"):
        losses.part("cross_entropy", weights="even")


def test_focal_by_hand() -> None:
    # (1/4)^2 log 4/3 for the class of probability 3/4, (3/4)^2 log 4 for the other
    loss = losses["focal"](LOGITS[[0, 0]], torch.tensor([0, 1]))
    assert loss.item() == pytest.approx((math.log(4 / 3) / 16 + 9 * math.log(4) / 16) / 2)
    soft = losses["focal"](LOGITS[:1], torch.tensor([[0.3, 0.7]]), gamma=1.0)
    assert soft.item() == pytest.approx(0.3 * math.log(4 / 3) / 4 + 0.7 * 3 * math.log(4) / 4)


def test_focal_without_focus_is_cross_entropy() -> None:
    output, classes, soft = drawn()
    for target in (classes, soft):
        expected = functional.cross_entropy(output, target)
        torch.testing.assert_close(losses["focal"](output, target, gamma=0.0), expected)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_focal_of_two_classes_is_the_papers_with_its_slope(gamma: float) -> None:
    """Against the sigmoid form and the slope of appendix B, in float64."""
    x = torch.linspace(-12, 12, 49)
    output = torch.stack([x, torch.zeros_like(x)], dim=1).requires_grad_()
    p = torch.sigmoid(x.double())
    loss = losses["focal"](output, torch.zeros(len(x), dtype=torch.int64), gamma=gamma)
    loss.backward()
    torch.testing.assert_close(loss.double(), (-((1 - p) ** gamma) * p.log()).mean(), rtol=1e-5, atol=0)
    slope = (1 - p) ** gamma * (gamma * p * p.log() + p - 1)
    torch.testing.assert_close(len(x) * output.grad[:, 0].double(), slope, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("gamma", [0.0, 0.1, 2.0])
def test_focal_has_a_finite_slope_where_the_class_is_certain(gamma: float) -> None:
    output = torch.tensor([[100.0, -100.0], [-100.0, 100.0], [60.0, 0.0]]).requires_grad_()
    losses["focal"](output, torch.tensor([0, 0, 0]), gamma=gamma).backward()
    assert torch.isfinite(output.grad).all()


def test_hinge_by_hand() -> None:
    # The example of CS231n: scores (13, -7, 11), class 0, margin 10 give 0 + 8
    output = torch.tensor([[13.0, -7.0, 11.0], [1.0, 1.0, 1.0]])
    target = torch.tensor([0, 2])
    assert losses["hinge"](output, target, margin=10.0).item() == pytest.approx((8 + 20) / 2)
    assert losses["hinge"](torch.zeros(4, 6), torch.zeros(4, dtype=torch.int64)).item() == pytest.approx(5.0)


def test_hinge_is_torchs_without_its_division() -> None:
    output, classes, _ = drawn()
    ours = losses["hinge"](output, classes, margin=2.0)
    torch.testing.assert_close(ours, 5 * functional.multi_margin_loss(output, classes, margin=2.0))
    right = output.gather(1, classes[:, None])
    terms = (output - right + 2.0).clamp_min(0).scatter(1, classes[:, None], 0.0)
    torch.testing.assert_close(ours, terms.sum(1).mean())


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
    with pytest.raises(BadValue, match=r"focal.gamma=-1"):
        losses["focal"](LOGITS, torch.tensor([1, 0]), gamma=-1)
    with pytest.raises(BadValue, match=r"hinge.margin=0"):
        losses["hinge"](LOGITS, torch.tensor([1, 0]), margin=0)
