"""What every initializer owes."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from trainwell.family import Member
from trainwell.initializers import fans_of, initialize, initializers
from trainwell.models import initialized, prepare

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


@pytest.mark.parametrize("member", FILLING)
def test_stated_variance_is_that_of_a_square_layer(member: Member) -> None:
    if "variance" not in member.facts:
        assert not member.facts.get("takes_gain")  # there is nothing to divide out
        return
    for shape in ((1024, 1024), (256, 256, 4, 4)):  # a million draws each
        mean_square = filled(member, shape, 0).square().mean().item()
        # four standard errors of a normal: 4 sqrt(2 / 1e6) = 0.6 %
        assert mean_square * math.prod(shape[1:]) == pytest.approx(member.facts["variance"], rel=0.006)


@pytest.mark.parametrize("member", [pytest.param(m, id=m.id) for m in initializers])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_that_starts_with_it_runs_both_ways_and_survives_save_and_load(
    member: Member, dtype: torch.dtype, tmp_path: Path
) -> None:
    def started() -> nn.Sequential:
        model = nn.Sequential(nn.Conv2d(3, 8, 3, groups=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 5)).to(dtype)
        torch.default_generator.manual_seed(0)
        ours = {"0": initializers.part(member.id)} if single else {}
        whole = "torch_default" if single else member.id
        initialized(model, whole, activation="relu", head=model[3], head_scale=1.0, data_initializers=ours)
        prepare(model, images)
        return model

    single = bool(member.facts.get("data_dependent")) and member.facts.get("before") is None
    images = torch.randn(16, 3, 6, 6, generator=torch.Generator().manual_seed(1)).to(dtype)
    with torch.random.fork_rng():
        model, again = started(), started()
    out = model(images)
    out.float().square().sum().backward()
    assert torch.isfinite(out).all() and all(torch.isfinite(p.grad).all() for p in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    initialize(again, "zeros", seed=0)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(again(images), out)
