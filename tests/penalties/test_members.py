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


def test_elastic_by_hand_and_at_its_ends() -> None:
    module = layer()
    assert penalties["elastic"](module, strength=0.1, l1_share=0.25).item() == pytest.approx(
        0.1 * (0.25 * 7.7 + 0.75 * 25.25)
    )
    for share, id in ((1.0, "l1"), (0.0, "l2")):
        at_end = penalties["elastic"](module, strength=0.1, l1_share=share)
        assert at_end.item() == pytest.approx(penalties[id](module, strength=0.1).item())
    penalties["elastic"](module, strength=0.1, l1_share=0.25).backward()
    torch.testing.assert_close(
        module.weight.grad, 0.1 * (0.25 * module.weight.sign() + 0.75 * 2 * module.weight.detach())
    )


def test_orthogonality_by_hand() -> None:
    # W W^T = [[25, -0.7], [-0.7, 0.25]]
    by_hand = 24**2 + 2 * 0.7**2 + 0.75**2
    assert penalties["orthogonality"](layer(), strength=0.1).item() == pytest.approx(0.1 * by_hand)


@pytest.mark.parametrize("module", [nn.Linear(6, 4), nn.Linear(4, 6), nn.Conv2d(3, 4, 3), nn.Conv2d(1, 20, 3)])
def test_orthogonality_is_0_for_orthonormal_rows_or_columns_and_leads_there(module: nn.Module) -> None:
    torch.manual_seed(0)
    nn.init.orthogonal_(module.weight)
    assert penalties["orthogonality"](module, strength=1.0).item() == pytest.approx(0.0, abs=1e-9)
    module.weight.data += 0.1 * torch.randn_like(module.weight)
    rows = module.weight.detach().flatten(1).double()
    values = torch.linalg.svdvals(rows)  # the eigenvalues of the smaller Gram matrix are their squares
    penalty = penalties["orthogonality"](module, strength=1.0)
    torch.testing.assert_close(penalty.double(), (values**2 - 1).square().sum(), rtol=1e-4, atol=0)
    penalty.backward()
    module.weight.data -= 0.05 * module.weight.grad
    assert penalties["orthogonality"](module, strength=1.0) < penalty


def test_max_norm_shortens_long_units_only() -> None:
    module = layer()
    penalties["max_norm"](module, limit=1.0)
    torch.testing.assert_close(module.weight.detach(), torch.tensor([[0.6, -0.8], [0.3, 0.4]]))
    assert module.weight.requires_grad


def test_max_norm_projects_each_filter_of_a_convolution() -> None:
    torch.manual_seed(0)
    module = nn.Conv2d(3, 8, 3, groups=1).to(memory_format=torch.channels_last)
    module.weight.data *= torch.linspace(0.1, 4.0, 8).view(8, 1, 1, 1)
    before = module.weight.detach().clone().flatten(1)
    penalties["max_norm"](module, limit=0.9)
    lengths = before.norm(dim=1, keepdim=True)
    assert 0 < (lengths > 0.9).sum() < 8
    expected = torch.where(lengths > 0.9, 0.9 * before / lengths, before)
    torch.testing.assert_close(module.weight.detach().flatten(1), expected)
    assert module.weight.is_contiguous(memory_format=torch.channels_last)


def test_impossible_values_are_refused() -> None:
    with pytest.raises(BadValue, match=r"l2.strength=-1"):
        penalties["l2"](layer(), strength=-1)
    for id, args, text in (
        ("elastic", {"l1_share": 1.5}, r"elastic.l1_share=1.5"),
        ("orthogonality", {"strength": -0.1}, r"orthogonality.strength=-0.1"),
        ("max_norm", {"limit": 0}, r"max_norm.limit=0 is not possible: expected a value in \(0, inf\)"),
    ):
        with pytest.raises(BadValue, match=text):
            penalties[id](layer(), **args)
