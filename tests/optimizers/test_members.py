"""Each member by hand, and over 20 steps against torch or a recurrence in numpy, at a constant rate."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainwell.errors import BadValue
from trainwell.optimizers import innermost, optimizers, parameter_groups
from trainwell.optimizers.muon import orthogonalized
from trainwell.optimizers.sam import statistics_held

from .descent import CURVATURE, START, STEPS


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


def test_a_new_rate_of_sgd_holds_for_the_whole_velocity() -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = optimizers["sgd"]([weight], lr=0.1, momentum=0.5, nesterov=False)
    for gradient, lr in ((2.0, 0.1), (0.0, 0.01)):
        weight.grad = torch.tensor([gradient])
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
    # 1 - 0.1 * 2, then 0.01 * (0.5 * 2); the notes' form would coast on by 0.5 * 0.1 * 2
    assert weight.item() == pytest.approx(0.8 - 0.01)


def test_adam_steps_by_its_rate_whatever_the_gradient() -> None:
    assert steps("adam", [1e-3], lr=0.1) == pytest.approx([0.9], abs=1e-5)
    assert steps("adam", [1e3], lr=0.1) == pytest.approx([0.9], abs=1e-5)
    # m^ = (0.9 * 0.1 * 1 + 0.1 * 3) / 0.19, v^ = (0.99 * 0.01 * 1 + 0.01 * 9) / 0.0199
    second = 0.9 - 0.1 * (0.39 / 0.19) / (0.0999 / 0.0199) ** 0.5
    assert steps("adam", [1.0, 3.0], lr=0.1, beta2=0.99)[1] == pytest.approx(second, abs=1e-5)


def test_adamw_decays_beside_the_gradient() -> None:
    assert steps("adamw", [0.0], lr=0.1, weight_decay=0.5) == pytest.approx([0.95])
    assert steps("adamw", [5.0], lr=0.1, weight_decay=0.5) == pytest.approx([0.85], abs=1e-5)


def test_steps_of_adagrad_die_away_and_those_of_rmsprop_do_not() -> None:
    """Under a constant gradient: lr / sqrt(t), and lr."""
    at = np.array([1.0, *steps("adagrad", [3.0] * 100, lr=0.1)])
    assert -np.diff(at) == pytest.approx(0.1 / np.sqrt(np.arange(1, 101)), rel=1e-3)
    at = np.array([1.0, *steps("rmsprop", [3.0] * 100, lr=0.1)])
    assert at[0] - at[1] == pytest.approx(0.1 / (1 - 0.9) ** 0.5, rel=1e-5)
    assert at[-2] - at[-1] == pytest.approx(0.1, rel=1e-3)


def test_lion_steps_by_its_rate_and_stays_where_there_is_no_gradient() -> None:
    # the sign of 0.9 m + 0.1 g: m = 0.01 * 5 after the first step, so that -0.1 does not turn it and -1 does
    assert steps("lion", [5.0, -0.1], lr=0.1, weight_decay=0.0) == pytest.approx([0.9, 0.8])
    assert steps("lion", [5.0, -1.0], lr=0.1, weight_decay=0.0) == pytest.approx([0.9, 1.0])
    assert steps("lion", [0.0], lr=0.1, weight_decay=0.5) == pytest.approx([0.95])


@pytest.mark.parametrize("shape", [(8, 8), (4, 16), (16, 4)])
def test_muon_makes_all_singular_values_about_one(shape: tuple[int, int]) -> None:
    matrices = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    u, values, v = torch.linalg.svd(matrices, full_matrices=False)
    values = values / values.norm(dim=1, keepdim=True)
    assert values.min() > 0.002  # from here upwards the iteration promises something
    found = torch.linalg.svdvals(orthogonalized(matrices).float())
    assert found.min() > 0.65 and found.max() < 1.25
    along = torch.einsum("nij,nik,nkj->nk", orthogonalized(matrices).float(), u, v)
    assert along.min() > 0.6  # the singular vectors stay
    assert torch.equal(orthogonalized(torch.zeros(1, *shape)), torch.zeros(1, *shape).bfloat16())


def test_muon_takes_convolutions_as_matrices_in_any_memory_layout() -> None:
    moved = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        conv = nn.Conv2d(8, 6, 3, bias=False).to(memory_format=layout)
        flat = nn.Parameter(conv.weight.detach().clone().contiguous().view(6, 72))
        ours = optimizers["muon"](conv.parameters(), lr=0.1, head="muon")
        torchs = torch.optim.Muon([flat], lr=0.1, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
        for _ in range(3):
            conv.weight.grad = torch.randn(6, 8, 3, 3).to(memory_format=layout)
            flat.grad = conv.weight.grad.reshape(6, 72).clone()
            ours.step()
            torchs.step()
        torch.testing.assert_close(conv.weight.reshape(6, 72), flat, rtol=0.02, atol=0.01)
        moved.append(conv.weight.detach().contiguous())
    torch.testing.assert_close(*moved)


def test_muon_leaves_the_head_and_all_vectors_to_adamw() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 6), nn.Linear(6, 2))
    groups = parameter_groups(model, norm_bias_rate=3.0)
    optimizer = optimizers["muon"](groups, lr=0.1)
    hidden = [group["params"] for group in optimizer.param_groups if group["orthogonal"]]
    assert [p is q for p, q in zip(hidden[0], (model[0].weight, model[2].weight), strict=True)] == [True, True]
    assert len(hidden) == 1
    scales = [group["lr"] / 0.1 for group in optimizer.param_groups if not group["orthogonal"]]
    assert scales == pytest.approx([1.0, 1.0, 3.0])
    twin = nn.ParameterList([model[3].weight.detach().clone(), model[1].bias.detach().clone()])
    adamw = torch.optim.AdamW([{"params": [twin[0]]}, {"params": [twin[1]], "lr": 0.3, "weight_decay": 0.0}], lr=0.1)
    for _ in range(STEPS):
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        twin[0].grad, twin[1].grad = model[3].weight.grad.clone(), model[1].bias.grad.clone()
        optimizer.step()
        adamw.step()
    torch.testing.assert_close(model[3].weight, twin[0])
    torch.testing.assert_close(model[1].bias, twin[1])
    alone = optimizers["muon"]([model[3].weight], lr=0.1)
    assert not alone.param_groups[0]["orthogonal"]
    assert optimizers["muon"]([model[3].weight], lr=0.1, head="muon").param_groups[0]["orthogonal"]


def test_sam_needs_a_closure_and_leaves_running_statistics_of_the_second_pass_out() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(2, 3, 1), nn.BatchNorm1d(3), nn.InstanceNorm1d(3, track_running_stats=True))
    optimizer = optimizers["sam"](model.parameters(), lr=0.1, rho=1.0)
    with pytest.raises(BadValue, match=r"give step\(\) a closure"):
        optimizer.step()
    x, seen = torch.randn(8, 2, 5), []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (model(x) - 1).square().mean()
        loss.backward()
        seen.append({name: value.clone() for name, value in model.named_buffers()})
        return loss

    before = {name: value.clone() for name, value in model.named_buffers()}
    optimizer.step(closure)
    first, second = seen
    for name in before:
        if name != "2.num_batches_tracked":  # torch's instance norm does not count
            assert not torch.equal(first[name], before[name]), name
        assert torch.equal(first[name], second[name]), name
    assert model[1].track_running_stats and model[1].momentum == 0.1 and model[2].momentum == 0.1
    optimizer.step(closure)
    assert not torch.equal(seen[2]["1.running_mean"], seen[1]["1.running_mean"])


def test_sam_comes_back_when_the_second_pass_fails() -> None:
    weight, norm = nn.Parameter(START.clone()), nn.BatchNorm1d(3)
    optimizer = optimizers["sam"]([weight], lr=0.1)
    passes = []

    def closure() -> Tensor:
        passes.append(norm(weight.detach()))
        if len(passes) == 2:
            raise KeyboardInterrupt
        loss = weight.square().sum()
        loss.backward()
        return loss

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert torch.equal(weight, START)
    assert norm.track_running_stats and norm.momentum == 0.1


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.InstanceNorm1d])
def test_norms_in_evaluation_are_not_touched_by_held_statistics(kind: type[nn.Module]) -> None:
    norm = kind(3, eps=0.0, track_running_stats=True).eval()
    norm.running_mean.fill_(2.0)
    x = torch.randn(4, 3, 5)
    with statistics_held():
        out = norm(x)
    torch.testing.assert_close(out, x - 2.0)


def test_lookahead_goes_back_every_k_steps_to_a_share_of_the_way() -> None:
    # sgd by 0.1 each: 0.9, 0.8 -> 1 + 0.5 * (0.8 - 1) = 0.9, 0.8, 0.7 -> 0.8
    found = steps("lookahead", [1.0] * 4, lr=0.1, k=2, alpha=0.5, inner={"name": "sgd", "momentum": 0.0})
    assert found == pytest.approx([0.9, 0.9, 0.8, 0.8])


@pytest.mark.parametrize(
    ("id", "args"), [("lion", {}), ("muon", {"head": "muon"}), ("lookahead", {"inner": "adamw"}), ("sam", {})]
)
def test_a_weight_that_is_thawed_later_starts_as_a_fresh_one(id: str, args: dict[str, Any]) -> None:
    early, late, fresh = (nn.Parameter(START.clone()) for _ in range(3))
    together = optimizers[id]([{"params": [early]}, {"params": [late]}], lr=0.01, **args)
    alone = optimizers[id]([fresh], lr=0.01, **args)

    def closure_of(*weights: nn.Parameter) -> Callable[[], Tensor]:
        def closure() -> Tensor:
            for weight in (early, late, fresh):
                weight.grad = None
            loss = torch.stack([(CURVATURE * weight.square()).sum() for weight in weights]).sum()
            loss.backward()
            return loss

        return closure

    for _ in range(3):
        together.step(closure_of(early))
    assert torch.equal(late, START)
    for _ in range(7):
        together.step(closure_of(late))
        alone.step(closure_of(fresh))
    torch.testing.assert_close(late, fresh)


def test_wrappers_share_groups_and_refuse_what_would_have_no_effect() -> None:
    weight = nn.Parameter(START.clone())
    for id in ("sam", "lookahead"):
        optimizer = optimizers[id]([weight], lr=0.3, inner={"name": "adamw", "weight_decay": 0.2})
        assert isinstance(optimizer, torch.optim.Optimizer)
        assert isinstance(optimizer.inner, torch.optim.AdamW)
        assert optimizer.param_groups is optimizer.inner.param_groups
        assert optimizer.param_groups[0]["weight_decay"] == 0.2
        torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
        with pytest.raises(BadValue, match=rf"{id}.inner.lr=0.01 would have no effect.*Set {id}.lr"):
            optimizers[id]([weight], lr=0.3, inner={"name": "adamw", "lr": 0.01})
        with pytest.raises(BadValue, match=rf"{id}.inner='sam' is not possible: it takes two passes"):
            optimizers[id]([weight], inner="sam")
    with pytest.raises(BadValue, match="Wrap the other way round: sam with inner='lookahead'"):
        optimizers["lookahead"]([weight], inner="sam")
    with pytest.raises(BadValue, match="Take one of one pass, such as sgd or adamw"):
        optimizers["sam"]([weight], inner="sam")
    both = optimizers["sam"]([weight], inner={"name": "lookahead", "k": 2})
    assert both.inner.param_groups is both.param_groups


def test_innermost_is_what_decides_on_decay_and_rate() -> None:
    assert innermost("adam").name == "adam"
    part = innermost({"name": "sam", "inner": {"name": "lookahead", "inner": {"name": "adamw", "weight_decay": 0.2}}})
    assert part == optimizers.resolve({"name": "adamw", "weight_decay": 0.2})


@pytest.mark.parametrize("id", ["sgd", "adam", "adamw", "adagrad"])
def test_the_fused_step_is_taken(id: str) -> None:
    assert optimizers[id]([torch.ones(1, requires_grad=True)]).defaults["fused"] is True
    assert optimizers[id]([torch.ones(1, requires_grad=True, device="meta")]).defaults["fused"] is None


def test_impossible_values_are_refused() -> None:
    with pytest.raises(BadValue, match=r"sgd.lr=-0.1 is not possible"):
        optimizers.part("sgd", lr=-0.1)
    with pytest.raises(BadValue, match=r"sgd.momentum=1 is not possible: expected a value in \[0, 1\)"):
        optimizers.part("sgd", momentum=1)
    with pytest.raises(BadValue, match=r"lookahead.k=0 is not possible"):
        optimizers.part("lookahead", k=0)
    with pytest.raises(BadValue, match=r"muon.head='sgd' is not possible"):
        optimizers.part("muon", head="sgd")
