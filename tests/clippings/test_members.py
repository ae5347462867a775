import pytest
import torch
from torch import Tensor, nn

from trainwell.clippings import clippings
from trainwell.errors import BadValue


def weights() -> list[torch.Tensor]:
    made = [torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)]
    made[0].grad, made[1].grad = torch.tensor([3.0, -4.0]), torch.tensor([12.0])
    return made


def test_norm_scales_all_and_agrees_with_torch() -> None:
    ours, torchs = weights(), weights()
    assert clippings["norm"](ours, limit=6.5).item() == 13.0
    torch.nn.utils.clip_grad_norm_(torchs, 6.5)
    torch.testing.assert_close(ours[0].grad, torch.tensor([1.5, -2.0]))
    torch.testing.assert_close(ours[1].grad, torchs[1].grad)


def test_value_cuts_each_number() -> None:
    made = weights()
    assert clippings["value"](made, limit=3.5).item() == 13.0
    assert made[0].grad.tolist() == [3.0, -3.5]
    assert made[1].grad.tolist() == [3.5]


def unit_by_unit(parameters: list[Tensor], limit: float, eps: float) -> list[Tensor]:
    """What AGC makes of the gradients, a unit at a time, written out from equation 3 of the paper."""
    clipped = []
    for parameter in parameters:
        grad = parameter.grad.clone()
        units = [(parameter, grad)] if parameter.ndim < 2 else list(zip(parameter, grad, strict=True))
        for weight, gradient in units:
            longest = limit * max(weight.norm().item(), eps)
            if gradient.norm() > longest:
                gradient *= longest / gradient.norm()
        clipped.append(grad)
    return clipped


def network(scale: float) -> nn.Sequential:
    """A convolution, a norm and a head, with gradients of about `scale`."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(5, 3))
    for parameter in model.parameters():
        parameter.grad = (
            scale * torch.randn_like(parameter) * torch.rand(len(parameter)).view(-1, *[1] * (parameter.ndim - 1))
        )
    return model


@pytest.mark.parametrize("scale", [1e-3, 0.02, 10.0])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_adaptive_is_the_papers_unit_by_unit(scale: float, memory_format: torch.memory_format) -> None:
    parameters = list(network(scale).to(memory_format=memory_format).parameters())
    expected = unit_by_unit(parameters, 0.05, 1e-3)
    before = torch.cat([p.grad.flatten() for p in parameters]).norm()
    torch.testing.assert_close(clippings["adaptive"](parameters, limit=0.05, head=True), before)
    for parameter, grad in zip(parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, grad)


def test_adaptive_by_hand() -> None:
    weight, bias, head = (torch.tensor(v, requires_grad=True) for v in ([[3.0, 4.0], [0.0, 0.0]], [0.0], [[1.0]]))
    weight.grad, bias.grad, head.grad = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([1.0]), torch.ones(1, 1)
    assert clippings["adaptive"]([weight, bias, head], limit=0.1, eps=0.01).item() == pytest.approx(2.0)
    # a row of length 5 may move by 0.5; what is 0 by 0.1 x eps; the head is left
    torch.testing.assert_close(weight.grad, torch.tensor([[0.0, 0.5], [0.001, 0.0]]))
    assert bias.grad.item() == pytest.approx(0.001)
    assert head.grad.item() == 1.0


def test_adaptive_leaves_the_head_and_its_bias_unless_told() -> None:
    model = network(10.0)
    kept = [parameter.grad.clone() for parameter in model.parameters()]
    clippings["adaptive"](list(model.parameters()))
    changed = [not torch.equal(p.grad, grad) for p, grad in zip(model.parameters(), kept, strict=True)]
    assert changed == [True] * 4 + [False] * 2
    clippings["adaptive"](list(model.parameters()), head=True)
    assert all(not torch.equal(p.grad, grad) for p, grad in zip(model.parameters(), kept, strict=True))


@pytest.mark.parametrize("id", ["norm", "value", "adaptive"])
def test_a_limit_of_0_is_refused(id: str) -> None:
    with pytest.raises(BadValue, match=rf"{id}.limit=0 is not possible: expected a value in \(0, inf\)"):
        clippings.part(id, limit=0)


def test_an_eps_of_0_is_refused() -> None:
    with pytest.raises(BadValue, match=r"adaptive.eps=0 is not possible: expected a value in \(0, inf\)"):
        clippings.part("adaptive", eps=0)
