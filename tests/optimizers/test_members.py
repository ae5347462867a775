import pytest
import torch

from trainwell.errors import BadValue
from trainwell.optimizers import optimizers


def steps(id: str, gradients: list[float], **args: object) -> list[float]:
    """Where a weight that starts at 1 goes under these gradients."""
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = optimizers[id]([weight], **args)
    places = []
    for gradient in gradients:
        weight.grad = torch.tensor([gradient])
        optimizer.step()
        places.append(weight.item())
    return places


def test_sgd_with_momentum_by_hand() -> None:
    # v = 2, then 0.5 * 2 + 1 = 2
    assert steps("sgd", [2.0, 1.0], lr=0.1, momentum=0.5, nesterov=False) == pytest.approx([0.8, 0.6])


def test_sgd_with_nesterov_by_hand() -> None:
    # 2 + 0.5 * 2 = 3, then 1 + 0.5 * 2 = 2
    assert steps("sgd", [2.0, 1.0], lr=0.1, momentum=0.5) == pytest.approx([0.7, 0.5])


def test_sgd_without_momentum_and_with_decay_by_hand() -> None:
    assert steps("sgd", [2.0, 1.0], lr=0.1, momentum=0.0) == pytest.approx([0.8, 0.7])
    assert steps("sgd", [0.0, 0.0], lr=0.1, momentum=0.0, weight_decay=1.0) == pytest.approx([0.9, 0.81])


def test_adam_steps_by_its_rate_whatever_the_gradient() -> None:
    assert steps("adam", [1e-3], lr=0.1) == pytest.approx([0.9], abs=1e-5)
    assert steps("adam", [1e3], lr=0.1) == pytest.approx([0.9], abs=1e-5)
    # m^ = (0.9 * 0.1 * 1 + 0.1 * 3) / 0.19, v^ = (0.99 * 0.01 * 1 + 0.01 * 9) / 0.0199
    second = 0.9 - 0.1 * (0.39 / 0.19) / (0.0999 / 0.0199) ** 0.5
    assert steps("adam", [1.0, 3.0], lr=0.1, beta2=0.99)[1] == pytest.approx(second, abs=1e-5)


def test_adamw_decays_beside_the_gradient() -> None:
    assert steps("adamw", [0.0], lr=0.1, weight_decay=0.5) == pytest.approx([0.95])
    assert steps("adamw", [5.0], lr=0.1, weight_decay=0.5) == pytest.approx([0.85], abs=1e-5)


@pytest.mark.parametrize("id", ["sgd", "adam", "adamw"])
def test_the_fused_step_is_taken(id: str) -> None:
    assert optimizers[id]([torch.ones(1, requires_grad=True)]).defaults["fused"] is True
    assert optimizers[id]([torch.ones(1, requires_grad=True, device="meta")]).defaults["fused"] is None


def test_impossible_values_are_refused() -> None:
    with pytest.raises(BadValue, match=r"sgd.lr=-0.1 is not possible"):
        optimizers.part("sgd", lr=-0.1)
    with pytest.raises(BadValue, match=r"sgd.momentum=1 is not possible: expected a value in \[0, 1\)"):
        optimizers.part("sgd", momentum=1)
