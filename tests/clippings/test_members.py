import pytest
import torch

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


@pytest.mark.parametrize("id", ["norm", "value"])
def test_a_limit_of_0_is_refused(id: str) -> None:
    with pytest.raises(BadValue, match=rf"{id}.limit=0 is not possible: expected a value in \(0, inf\)"):
        clippings.part(id, limit=0)
