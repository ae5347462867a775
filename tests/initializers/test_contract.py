"""What every initializer that fills a tensor owes."""

import pytest
import torch

from trainwell.family import Member
from trainwell.initializers import fans_of, initializers

FILLING = [pytest.param(m, id=m.id) for m in initializers if not m.facts.get("data_dependent")]


def filled(
    member: Member, shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float32, **args: float
) -> torch.Tensor:
    tensor = torch.full(shape, torch.nan, dtype=dtype)
    member(tensor, fans_of(tensor), torch.Generator().manual_seed(seed), **args)
    return tensor


@pytest.mark.parametrize("member", FILLING)
@pytest.mark.parametrize("shape", [(6, 8), (8, 6), (4, 3, 5), (8, 4, 3, 3), (4, 8, 3, 3), (2, 3, 3, 3, 3)])
def test_fills_every_shape_and_the_same_under_one_generator(member: Member, shape: tuple[int, ...]) -> None:
    first, again = filled(member, shape, 7), filled(member, shape, 7)
    assert torch.isfinite(first).all()
    assert torch.equal(first, again)
    assert torch.isfinite(filled(member, shape, 7, torch.bfloat16)).all()


@pytest.mark.parametrize("member", FILLING)
def test_gain_is_a_factor(member: Member) -> None:
    plain, scaled = filled(member, (32, 16, 3, 3), 3), filled(member, (32, 16, 3, 3), 3, gain=0.5)
    torch.testing.assert_close(scaled, plain * 0.5)


@pytest.mark.parametrize("member", FILLING)
def test_leaves_the_global_random_state(member: Member) -> None:
    before = torch.get_rng_state()
    filled(member, (4, 4), 0)
    assert torch.equal(torch.get_rng_state(), before)
