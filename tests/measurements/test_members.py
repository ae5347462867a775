import pytest
import torch
from torch import nn

from trainwell.measurements import Step, measurements
from trainwell.optimizers import optimizers


def stepped(
    optimizer_id: str, gradients: list[list[float]], rate_scale: float = 1.0, **args: object
) -> tuple[Step, float]:
    """Steps on one weight (1, 2) that is (3, 4) before the last step; also how far the last step went."""
    model = nn.Linear(2, 1)
    optimizer = optimizers[optimizer_id]([{"params": list(model.parameters()), "rate_scale": rate_scale}], **args)
    for gradient in gradients:
        model.weight.data = torch.tensor([[3.0, 4.0]])
        model.weight.grad = torch.tensor([gradient])
        optimizer.step()
    moved = (model.weight.detach() - torch.tensor([[3.0, 4.0]])).norm().item()
    return Step(len(gradients), 10, torch.zeros(()), model, optimizer, 0.1), moved


def test_gradient_norm_by_hand_and_before_clipping() -> None:
    step, _ = stepped("sgd", [[3.0, 4.0]], lr=0.1)
    step.model.bias.grad = torch.tensor([12.0])
    assert measurements["gradient_norm"](step)["gradient_norm"].item() == 13.0
    clipped = Step(1, 10, step.loss, step.model, step.optimizer, 0.1, gradient_norm=torch.tensor(99.0))
    assert measurements["gradient_norm"](clipped)["gradient_norm"].item() == 99.0


@pytest.mark.parametrize(
    ("id", "args"),
    [
        ("sgd", {"momentum": 0.0}),
        ("sgd", {"momentum": 0.9, "nesterov": False}),
        ("sgd", {"momentum": 0.9}),
        ("adam", {}),
        ("adamw", {"weight_decay": 0.0}),
    ],
)
def test_update_ratio_is_that_of_the_step_that_was_taken(id: str, args: dict) -> None:
    step, moved = stepped(id, [[1.0, 2.0], [-0.5, 0.3], [0.2, 0.1]], lr=0.01, rate_scale=2.0, **args)
    size = step.model.weight.norm().item()
    assert measurements["update_ratio"](step)["update_ratio"].item() == pytest.approx(moved / size, rel=1e-3)


def test_update_ratio_by_hand_is_the_lower_median() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    optimizer = optimizers["sgd"](model.parameters(), lr=0.5, momentum=0.0)
    for layer, weight, gradient in ((model[0], 2.0, 4.0), (model[1], 2.0, 8.0)):
        layer.weight.data.fill_(weight)
        layer.weight.grad = torch.full((1, 1), gradient)
    ratio = measurements["update_ratio"](Step(1, 1, torch.zeros(()), model, optimizer, 0.5))["update_ratio"]
    assert ratio.item() == 1.0
