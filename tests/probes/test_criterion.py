"""Which loss it is: by what is called with what."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.probes.criterion import LOSSES, criterion


class Wrapped(nn.Module):
    """A loss within a loss, behind another step or not."""

    def __init__(self, steps: bool) -> None:
        super().__init__()
        self.base, self.steps = nn.NLLLoss(), steps

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.base(F.log_softmax(output, dim=1) if self.steps else output, target) + 0.1


OUTPUT, CLASSES, VALUES = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2]), torch.randn(6)


@pytest.mark.parametrize(
    ("loss", "output", "target", "name"),
    [
        (lambda o, t: F.cross_entropy(o, t), OUTPUT, CLASSES, "cross_entropy"),
        (lambda o, t: 2 * F.cross_entropy(target=t, input=o), OUTPUT, CLASSES, "cross_entropy"),
        (nn.CrossEntropyLoss(), OUTPUT, CLASSES, "cross_entropy"),
        (Wrapped(False), OUTPUT, CLASSES, "nll_loss"),
        (lambda o, t: F.mse_loss(o.squeeze(1), t.double()), OUTPUT[:, :1], VALUES, "mse_loss"),
        (lambda o, t: F.cross_entropy(o["scores"], t), {"scores": OUTPUT, "other": VALUES}, CLASSES, "cross_entropy"),
        (
            lambda o, t: F.binary_cross_entropy_with_logits(o, t),
            OUTPUT,
            OUTPUT.sigmoid(),
            "binary_cross_entropy_with_logits",
        ),
        (Wrapped(True), OUTPUT, CLASSES, ""),
        (lambda o, t: F.mse_loss(o, F.one_hot(t).float()), OUTPUT, CLASSES, ""),
        (lambda o, t: F.cross_entropy(o, t) + F.l1_loss(o, o), OUTPUT, CLASSES, ""),
        (lambda o, t: (o - t).square().mean(), OUTPUT, OUTPUT, None),
    ],
)
def test_what_is_called_with_what(loss: Any, output: Any, target: Tensor, name: str | None) -> None:
    assert criterion(loss, output, target) == name


def test_nothing_is_changed() -> None:
    def spoils(output: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(output.mul_(2), target)

    output = torch.ones(3)
    assert criterion(spoils, output, torch.zeros(3)) == ""
    assert torch.equal(output, torch.ones(3))


def test_torch_s_losses_are_known() -> None:
    assert {"mse_loss", "nll_loss", "huber_loss", "soft_margin_loss", "kl_div", "binary_cross_entropy"} <= set(LOSSES)
