import pytest
import torch
from torch import nn

from trainwell.measurements import Step, measurements


def test_gradient_norm_by_hand_and_before_clipping() -> None:
    model = nn.Linear(2, 1)
    model.weight.grad, model.bias.grad = torch.tensor([[3.0, 4.0]]), torch.tensor([12.0])
    step = Step(1, 10, torch.zeros(()), model, torch.optim.SGD(model.parameters()), 0.1, [])
    assert measurements["gradient_norm"](step)["gradient_norm"].item() == 13.0
    clipped = Step(1, 10, step.loss, model, step.optimizer, 0.1, [], gradient_norm=torch.tensor(99.0))
    assert measurements["gradient_norm"](clipped)["gradient_norm"].item() == 99.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_update_ratio_by_hand_is_the_lower_median(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)).to(dtype)
    updates = []
    for layer, weight, update in zip(model, ([3, 4], 2, 2, 2), ([0.6, 0.8], 4, 0.5, 8), strict=True):
        layer.weight.data = torch.tensor(weight, dtype=dtype).view_as(layer.weight)
        updates.append(torch.tensor(update, dtype=dtype).view_as(layer.weight))
    step = Step(1, 1, torch.zeros(()), model, torch.optim.SGD(model.parameters()), 0.5, updates)
    # 1/5, 2, 1/4 and 4: the second smallest
    assert measurements["update_ratio"](step)["update_ratio"].item() == pytest.approx(0.25)
