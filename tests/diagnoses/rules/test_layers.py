"""Rules on layers, norms and heads: what each member says of those that do not go together, and of sound ones."""

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.diagnoses.rules import decay_of
from trainwell.diagnoses.rules.decay_on_norms import decayed_norms
from trainwell.optimizers import optimizers, parameter_groups

from .conftest import Fired, MakeCase, only
from .networks import stack


def test_a_bias_in_front_of_batch_norm_is_a_note(make_case: MakeCase, fired: Fired) -> None:
    def network(*between: nn.Module, bias: bool = True) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3, bias=bias), *between, nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))

    for between in ([nn.BatchNorm2d(8)], [nn.MaxPool2d(2), nn.BatchNorm2d(8)], [nn.Identity(), nn.BatchNorm2d(8)]):
        model = network(*between)
        model(torch.zeros(2, 3, 8, 8))
        case = make_case(on="colour", model=model)
        assert fired(case) == ["bias_before_batch_norm"]
        found = only(case, "bias_before_batch_norm")
        assert (found.severity, found.advice) == ("note", "Build the layers with bias=False.")
        assert "1 bias in front of batch norm" in found.message
    for sound in (
        network(nn.BatchNorm2d(8), bias=False),
        network(nn.ReLU(), nn.BatchNorm2d(8)),
        network(nn.GroupNorm(2, 8)),
    ):
        sound(torch.zeros(2, 3, 8, 8))
        assert fired(make_case(on="colour", model=sound)) == []


def test_dropout_directly_in_front_of_batch_norm(make_case: MakeCase, fired: Fired) -> None:
    def network(*layers: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(192, 32, bias=False), *layers, nn.Linear(32, 4))

    for layers in (
        [nn.Dropout(0.2), nn.BatchNorm1d(32), nn.ReLU()],
        [nn.Dropout(0.2), nn.ReLU(), nn.BatchNorm1d(32)],
    ):
        case = make_case(on="colour", model=network(*layers))
        assert fired(case) == ["dropout_before_batch_norm"]
        assert "up to 1.2 times" in only(case, "dropout_before_batch_norm").message  # 1 / (1 - 0.2) = 1.25
        assert "Move the dropout behind the norm" in only(case, "dropout_before_batch_norm").advice
    for layers in (
        [nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2)],
        [nn.Dropout(0.0), nn.BatchNorm1d(32), nn.ReLU()],
        [nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 32, bias=False), nn.BatchNorm1d(32)],
    ):
        assert fired(make_case(on="colour", model=network(*layers))) == []


@pytest.mark.parametrize(("size", "fires"), [(1, True), (2, True), (3, False)])
def test_batch_norm_wants_a_batch(size: int, fires: bool, make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["model.norm=batch", f"batch_size={size}", "optimizer.lr=1e-3"])
    assert fired(case) == (["small_batch_norm"] if fires else [])
    if fires:
        found = only(case, "small_batch_norm")
        assert "Set batch_size=16 or more. Or set model.norm=layer." in found.advice
        assert found.severity == ("error" if size == 1 else "warning")  # torch refuses a row alone
        assert fired(make_case(["model.norm=layer", f"batch_size={size}", "optimizer.lr=1e-3"])) == []
        images = make_case([f"batch_size={size}", "optimizer.lr=1e-2"], on="colour")
        assert only(images, "small_batch_norm").severity == "warning"


def test_decay_on_norms_is_seen_in_the_groups(make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["model.norm=batch", "optimizer.weight_decay=0.1"])
    assert fired(case) == []
    groups = optimizers.build("adamw", parameter_groups(case.model, weight_decay_on="all")).param_groups
    decayed = dataclasses.replace(case, groups=groups)
    assert "decay_on_norms" in fired(decayed)
    assert "parameter_groups(model)" in only(decayed, "decay_on_norms").advice
    assert only(decayed, "decay_on_norms").severity == "note"
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    assert decayed_norms(model, torch.optim.AdamW(model.parameters()).param_groups) == ["1.weight", "1.bias"]
    assert decayed_norms(model, torch.optim.AdamW(model.parameters(), weight_decay=0.0).param_groups) == []
    model[1].requires_grad_(False)
    assert decayed_norms(model, torch.optim.AdamW(model.parameters()).param_groups) == []
    assert decay_of(model[0].weight, torch.optim.AdamW(model.parameters()).param_groups) == 0.01
    assert decay_of(model[0].weight, torch.optim.SGD([model[0].bias], lr=0.1, weight_decay=1.0).param_groups) == 0.0


@pytest.mark.parametrize(
    ("last", "severity"),
    [
        (lambda out: torch.softmax(out, 1), "error"),
        (lambda out: F.softmax(out, dim=1).squeeze(), "error"),
        (torch.sigmoid, "error"),
        (lambda out: F.log_softmax(out, 1), "note"),
        (lambda out: out * 3, None),
        (lambda out: out, None),
    ],
)
def test_softmax_in_front_of_cross_entropy(
    last: Callable[[Tensor], Tensor], severity: str | None, make_case: MakeCase, fired: Fired
) -> None:
    class Ends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = stack(nn.ReLU)

        def forward(self, x: Tensor) -> Tensor:
            return last(self.body(x))

    case = make_case(on="colour", model=Ends())
    assert fired(case) == ([] if severity is None else ["softmax_before_loss"])
    if severity is not None:
        found = only(case, "softmax_before_loss")
        assert found.severity == severity
        assert "loss=cross_entropy expects logits" in found.message
        assert "Leave it out of the network" in found.advice


def test_the_loss_under_a_second_softmax_has_a_floor() -> None:
    """Of ten classes the right one at probability 1: log(e + 9) - 1 = 1.46."""
    sure = F.one_hot(torch.tensor([3]), 10).float()
    assert float(F.cross_entropy(sure, torch.tensor([3]))) == pytest.approx(1.46, abs=0.005)


def test_an_activation_behind_the_last_layer(make_case: MakeCase, fired: Fired) -> None:
    relu = make_case(on="colour", model=nn.Sequential(*stack(nn.ReLU), nn.ReLU()))
    assert fired(relu) == ["bent_output"]
    assert "Leave the last activation out" in only(relu, "bent_output").advice
    values = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())
    assert fired(make_case(on="values", model=values)) == ["bent_output"]
    assert fired(make_case(on="values", model=values[:-1])) == []
    # SqueezeNet pools what its last ReLU gives.
    squeezed = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    assert fired(make_case(on="colour", model=nn.Sequential(squeezed, nn.Flatten()))) == []


def test_a_head_too_large(make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["model.head_scale=3"], on="digits", recipe="table")
    assert fired(case) == ["large_head"]
    found = only(case, "large_head")
    assert "model.head_scale=0.1" in found.advice
    assert found.evidence["loss"] > found.evidence["expected"] + 0.25
    assert found.evidence["expected"] == pytest.approx(math.log(10), abs=1e-4)
    assert fired(make_case(["model.head_scale=0.3"], on="digits", recipe="table")) == []
    model = stack(nn.ReLU)
    nn.init.normal_(model[-1].weight, std=1.0)
    outside = make_case(on="colour", model=model)
    assert fired(outside) == ["large_head"]
    healthy = math.sqrt(0.1) / only(outside, "large_head").evidence["spread"]  # logits of variance 0.1
    assert f"Multiply the initial weights of 5 by {healthy:.1g}." in only(outside, "large_head").advice
    assert "large_head" not in fired(make_case(["preprocess=none", "model.head_scale=3"]))  # the inputs are the cause
    ends = nn.Sequential(*model, nn.Tanh())
    assert fired(make_case(on="colour", model=ends)) == ["bent_output"]  # what follows the head bounds it
    beside = nn.Sequential(nn.Linear(6, 16), nn.Linear(16, 1, bias=False))
    for tensor, value in zip(beside.parameters(), (0.0, 1.0, 0.06), strict=True):
        nn.init.constant_(tensor, value)  # the output is 0.96 for every sample: beside the mean, and not spread out
    assert "large_head" not in fired(make_case(on="values", model=beside))
    prior = make_case(["last_bias=prior", "model=mlp"], on="table")
    assert fired(prior) == []  # what the bias carries is no fault of the head
