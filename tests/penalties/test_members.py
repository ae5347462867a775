import pytest
import torch
from torch import nn

from trainwell.errors import BadValue
from trainwell.penalties import penalties


def layer() -> nn.Linear:
    module = nn.Linear(2, 2)
    module.weight.data = torch.tensor([[3.0, -4.0], [0.3, 0.4]])
    return module


def test_l2_and_l1_by_hand() -> None:
    module = layer()
    assert penalties["l2"](module, strength=0.1).item() == pytest.approx(0.1 * (25 + 0.25))
    assert penalties["l1"](module, strength=0.1).item() == pytest.approx(0.1 * (7 + 0.7))
    assert penalties["l2"](module, strength=0).item() == 0.0


def test_l2_is_decay_of_twice_its_strength() -> None:
    penalised, decayed = layer(), layer()
    penalties["l2"](penalised, strength=0.05).backward()
    torch.testing.assert_close(penalised.weight.grad, 0.1 * decayed.weight)


def test_max_norm_shortens_long_units_only() -> None:
    module = layer()
    penalties["max_norm"](module, limit=1.0)
    torch.testing.assert_close(module.weight.detach(), torch.tensor([[0.6, -0.8], [0.3, 0.4]]))
    assert module.weight.requires_grad


def test_a_negative_strength_is_refused() -> None:
    with pytest.raises(BadValue, match=r"l2.strength=-1"):
        penalties["l2"](layer(), strength=-1)
