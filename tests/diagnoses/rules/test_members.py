"""Each rule: a thing that breaks it, a close twin that does not, and the field to change."""

import dataclasses
import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from trainwell.data.open import open_data
from trainwell.data.wrap import wrap
from trainwell.diagnoses import Finding
from trainwell.diagnoses.rules import Case, ask, decay_of, rules
from trainwell.diagnoses.rules.decay_on_norms import decayed_norms
from trainwell.optimizers import optimizers, parameter_groups

from .conftest import Fired, MakeCase, only

MLP = ["model=mlp", "model.widths=64,64,64", "optimizer.weight_decay=0"]
SELU = [*MLP, "model.activation=selu", "model.initializer=lecun_normal"]
DEEP = [*MLP, "model.widths=32,32,32,32"]


def stack(*between: Callable[[], nn.Module], inputs: int = 192, width: int = 64, depth: int = 2) -> nn.Sequential:
    """Linear layers of LeCun's rule without biases, each with these modules behind it, and a small head."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for number in range(depth):
        linear = nn.Linear(width if number else inputs, width)
        nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, *(make() for make in between)]
    head = nn.Linear(width, 4)
    nn.init.normal_(head.weight, std=0.01)
    return nn.Sequential(*layers, head)


def test_a_selu_stack_by_the_contract_is_sound(make_case: MakeCase, fired: Fired) -> None:
    assert fired(make_case(SELU)) == []
    assert fired(make_case([*SELU, "model.dropout=alpha_dropout"])) == []
    assert fired(make_case([*SELU, "model.skip=true"])) == []  # a sum of outputs, behind the stack
    assert fired(make_case(["optimizer.weight_decay=0"], on="colour", model=stack(nn.SELU))) == []


@pytest.mark.parametrize(
    ("edits", "id", "change"),
    [
        (["preprocess=none"], "selu_inputs", "preprocess=standardize"),
        (["model.initializer=he_normal"], "selu_initializer", "model.initializer=lecun_normal"),
        (["model.initializer=torch_default"], "selu_initializer", "model.initializer=lecun_normal"),
        (["bias=0.01"], "selu_biases", "bias=0"),
        (["model.norm=batch"], "selu_norm", "model.norm=none"),
        (["model.norm=layer"], "selu_norm", "model.norm=none"),
        (["model.dropout=dropout"], "selu_dropout", "model.dropout=alpha_dropout"),
        (["penalties=l1"], "selu_penalties", "penalties without l1"),
        (["penalties=max_norm"], "selu_penalties", "penalties without max_norm"),
        (["optimizer.weight_decay=0.01"], "selu_penalties", "optimizer.weight_decay=0"),
    ],
)
def test_each_breach_of_selus_contract_has_its_name(
    edits: list[str], id: str, change: str, make_case: MakeCase, fired: Fired
) -> None:
    keys = {edit.partition("=")[0] for edit in edits}
    case = make_case([edit for edit in SELU if edit.partition("=")[0] not in keys] + edits)
    assert fired(case) == [id]
    assert change in only(case, id).advice
    assert only(case, id).severity == "warning"
    assert id not in fired(make_case([*MLP[:2], *edits]))  # under ReLU it is no breach


def test_selu_breaches_are_seen_in_any_network(make_case: MakeCase, fired: Fired) -> None:
    class Skipping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = stack(nn.SELU)

        def forward(self, x: Tensor) -> Tensor:
            out = F.selu(self.body[1](x.flatten(1)))
            return self.body[-1](F.selu(self.body[3](out)) + out)

    plain = ["optimizer.weight_decay=0"]
    skipping = make_case(plain, on="colour", model=Skipping())
    assert fired(skipping) == ["selu_skip"]
    assert "at 1 place (add())" in only(skipping, "selu_skip").message
    assert "model=mlp" in only(skipping, "selu_skip").advice
    torchs = nn.Sequential(nn.Flatten(), nn.Linear(192, 64), nn.SELU(), nn.Dropout(0.2), nn.Linear(64, 4))
    assert fired(make_case(plain, on="colour", model=torchs)) == ["selu_biases", "selu_dropout", "selu_initializer"]
    gate = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.SELU())  # a last layer is no hidden one
    assert "selu_biases" not in fired(make_case(on="colour", model=gate))


def test_selu_measures_the_inputs_themselves(make_case: MakeCase) -> None:
    case = make_case([*SELU, "preprocess=none"])
    found = only(case, "selu_inputs")
    assert found.evidence["mean"] == pytest.approx(3, abs=0.6)  # drawn from N(3, 25)
    assert found.evidence["spread"] == pytest.approx(5, abs=0.6)
    standard = (case.x - case.x.mean(0)) / case.x.std(0)
    assert rule_says(dataclasses.replace(case, x=standard), "selu_inputs") is None
    assert rule_says(dataclasses.replace(case, x=standard + 0.4), "selu_inputs") is None
    assert rule_says(dataclasses.replace(case, x=standard + 0.6), "selu_inputs") is not None
    assert rule_says(dataclasses.replace(case, x=standard * 0.4), "selu_inputs") is not None


def rule_says(case: Case, id: str) -> Finding | None:
    return ask(rules[id], case)


def test_alpha_dropout_wants_selu(make_case: MakeCase, fired: Fired) -> None:
    case = make_case([*MLP, "model.dropout=alpha_dropout"])
    assert fired(case) == ["alpha_dropout_without_selu"]
    assert "model.dropout=dropout" in only(case, "alpha_dropout_without_selu").advice
    off = [*MLP, "model.dropout=alpha_dropout", "model.dropout.p=0"]
    assert fired(make_case(off)) == []


@pytest.mark.parametrize(("activation", "most"), [("sigmoid", 4), ("tanh", 5)])
def test_deep_saturating_layers_want_a_norm(activation: str, most: int, make_case: MakeCase, fired: Fired) -> None:
    deep = [*MLP[:1], f"model.widths={','.join(['32'] * most)}", f"model.activation={activation}"]
    case = make_case(deep)
    assert fired(case) == ["saturating_hidden"]
    assert "model.activation=relu or model.norm=batch" in only(case, "saturating_hidden").advice
    assert only(case, "saturating_hidden").severity == ("warning" if activation == "sigmoid" else "note")
    assert only(case, "saturating_hidden").evidence == {"activation": activation, "layers": most}
    shallow = [deep[0], f"model.widths={','.join(['32'] * (most - 1))}", deep[2]]
    assert fired(make_case(shallow)) == []
    assert fired(make_case([*deep, "model.norm=batch"])) == []


def test_the_numbers_behind_deep() -> None:
    """Four slopes of at most 1/4; tanh's slope has a root mean square of 0.68 over a standard normal signal."""
    z = torch.linspace(-12, 12, 240_001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    slope = float((((1 - z.tanh().square()) ** 2) * density).sum().sqrt())
    assert slope == pytest.approx(0.68, abs=0.005)
    assert slope**5 == pytest.approx(0.15, abs=0.01)


def test_gates_are_no_hidden_layers(make_case: MakeCase, fired: Fired) -> None:
    class Highway(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(192, 32)
            self.bodies = nn.ModuleList(nn.Linear(32, 32) for _ in range(6))
            self.gates = nn.ModuleList(nn.Linear(32, 32) for _ in range(6))
            self.head = nn.Linear(32, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x.flatten(1))
            for body, gate in zip(self.bodies, self.gates, strict=True):
                g = torch.sigmoid(gate(x))
                x = g * F.relu(body(x)) + (1 - g) * x
            return self.head(x)

    assert "saturating_hidden" not in fired(make_case(on="colour", model=Highway()))


@pytest.mark.parametrize(
    ("activation", "initializer", "fires"),
    [
        ("relu", "auto", False),
        ("relu", "xavier_normal", False),  # 1 / sqrt(2) a layer: 0.35 over three, which trains
        ("relu", "small_gaussian", True),  # 0.01 sqrt(64) / sqrt(2) = 0.057 a layer
        ("relu", "large_gaussian", True),  # sqrt(64) / sqrt(2) = 5.7 a layer
        ("tanh", "xavier_uniform", False),
        ("tanh", "large_gaussian", True),
        ("sigmoid", "auto", False),
        ("gelu", "auto", False),
        ("relu", "orthogonal", False),
    ],
)
def test_weights_are_measured_against_what_the_activation_wants(
    activation: str, initializer: str, fires: bool, make_case: MakeCase, fired: Fired
) -> None:
    case = make_case([*MLP, f"model.activation={activation}", f"model.initializer={initializer}"])
    said = fired(case)
    assert ("initializer_misfit" in said) == fires
    if fires:
        assert "model.initializer=auto" in only(case, "initializer_misfit").advice
    else:
        assert said == []


def test_the_factor_is_the_product_over_the_layers(make_case: MakeCase) -> None:
    found = only(make_case([*MLP, "model.initializer=small_gaussian"]), "initializer_misfit")
    # fan_in 6, 64 and 64; a deviation of 0.01; sqrt(2) is what ReLU wants.
    assert found.evidence["factor"] == pytest.approx(0.01**3 * math.sqrt(6 * 64 * 64 / 8), rel=0.05)


def test_one_layer_is_enough_to_saturate(make_case: MakeCase) -> None:
    model = stack(nn.Tanh, depth=1)
    nn.init.normal_(model[1].weight, std=0.5)  # 0.5 sqrt(192) / (5/3) = 4.2
    found = only(make_case(on="colour", model=model), "initializer_misfit")
    assert found.evidence["factor"] == pytest.approx(4.157, rel=0.05)
    assert "saturates" in found.message
    assert "layers.1" not in found.message


def test_deep_networks_from_outside_with_torchs_own_weights(make_case: MakeCase, fired: Fired) -> None:
    def relus(depth: int) -> nn.Module:
        torch.manual_seed(0)
        hidden = [layer for _ in range(depth - 1) for layer in (nn.Linear(64, 64), nn.ReLU())]
        return nn.Sequential(nn.Flatten(), nn.Linear(192, 64), nn.ReLU(), *hidden, nn.Linear(64, 4))

    # 1 / sqrt(6) = 0.41 a layer: seven leave 0.0019, eight 0.0008.
    assert fired(make_case(on="colour", model=relus(7))) == []
    assert fired(make_case(on="colour", model=relus(8))) == ["initializer_misfit"]
    he = relus(12)
    for layer in he[:-1]:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert "initializer_misfit" not in fired(make_case(on="colour", model=he))


def test_a_first_convolution_is_not_measured(make_case: MakeCase, fired: Fired) -> None:
    """Neighbouring pixels are alike: the spread behind it does not follow from that of its weights."""
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))
    nn.init.normal_(model[0].weight, std=2000.0)
    assert "initializer_misfit" not in fired(make_case(on="colour", model=model))
    nn.init.normal_(model[2].weight, std=2000.0)
    assert "initializer_misfit" in fired(make_case(on="colour", model=model))


def test_units_that_start_alike(make_case: MakeCase, fired: Fired) -> None:
    case = make_case([*MLP, "model.initializer=zeros"])
    assert fired(case) == ["symmetric_weights"]
    assert "model.initializer=auto" in only(case, "symmetric_weights").advice
    assert only(case, "symmetric_weights").evidence["layers"] == ["1", "4", "7"]
    assert fired(make_case([*MLP, "model.head_scale=0"])) == []  # a head at zero is sound
    biased = stack(nn.ReLU)
    nn.init.zeros_(biased[1].weight)
    assert "symmetric_weights" in fired(make_case(on="colour", model=biased))
    nn.init.normal_(biased[1].bias)  # what tells the units apart need not be the weights
    assert "symmetric_weights" not in fired(make_case(on="colour", model=biased))
    assert fired(make_case(["model=resnet18"], on="colour")) == []  # its branches start at zero


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


def test_inputs_as_they_came(make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["preprocess=none"])
    assert fired(case) == ["raw_inputs"]
    found = only(case, "raw_inputs")
    assert "preprocess=standardize" in found.advice
    assert found.evidence["size"] == pytest.approx(math.sqrt(3**2 + 5**2), rel=0.05)  # drawn from N(3, 25)
    assert fired(make_case(["preprocess=min_max"])) == []
    assert "raw_inputs" not in fired(
        make_case(["preprocess=none"], model=nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 2)))
    )
    assert fired(make_case(["preprocess=none"], on="colour")) == []  # pixels in 0..1


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


def test_samples_in_both_parts(make_case: MakeCase, fired: Fired) -> None:
    draws = torch.Generator().manual_seed(0)
    x, y = torch.randn(200, 6, generator=draws), torch.randint(0, 2, (200,), generator=draws)
    network = nn.Linear(6, 2)
    apart = make_case(on=wrap(TensorDataset(x, y)), model=network)
    assert fired(apart) == []
    twice = make_case(on=wrap(TensorDataset(x.repeat(2, 1), y.repeat(2))), model=network)
    assert fired(twice) == ["test_in_training"]
    found = only(twice, "test_in_training")
    seen = found.evidence["shared"]["valid"]
    rows = {
        part: {tuple(row) for row in wrapped_rows(x.repeat(2, 1), y.repeat(2), part)} for part in ("train", "valid")
    }
    assert seen == sum(tuple(r) in rows["train"] for r in wrapped_rows(x.repeat(2, 1), y.repeat(2), "valid"))
    assert f"{seen} of the 40 samples of valid" in found.message
    few = torch.randint(0, 2, (200, 2), generator=draws).float()  # four possible rows repeat by nature
    assert fired(make_case(on=wrap(TensorDataset(few, y)), model=nn.Linear(2, 2))) == []


def wrapped_rows(x: Tensor, y: Tensor, part: str) -> list[list[float]]:
    return x[wrap(TensorDataset(x, y)).splits[part]].tolist()


def test_mixing_wants_soft_targets(make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["augment=flip,mixup", "loss=hinge", "model.width=8"], on="colour")
    found = only(case, "mixed_labels")
    assert found.severity == "error"
    assert "Set loss=cross_entropy, or augment without mixup." in found.advice
    assert fired(make_case(["augment=flip,mixup"], on="colour")) == []
    assert "mixed_labels" not in fired(make_case(["augment=flip", "loss=hinge"], on="colour"))


@pytest.mark.parametrize(
    ("optimizer", "rate", "size", "word"),
    [
        ("sgd", 0.1, 256, None),
        ("sgd", 20.0, 256, "high"),
        ("sgd", 1e-5, 256, "low"),
        ("adam", 1e-3, 16, None),
        ("adam", 0.1, 256, "high"),
        ("adam", 0.01, 64, None),
        ("adam", 0.03, 16, None),  # an adaptive step need not go with the batch
        ("adam", 0.04, 16, "high"),  # 0.01, and half a power of ten
        ("sgd", 1.5, 16, None),
        ("sgd", 1.7, 16, "high"),  # 2 sqrt(16 / 256) = 0.5, and half a power of ten
        ("sgd", 20.0, 1024, None),  # 2 x 1024 / 256 = 8
        ("adam", 1e-7, 256, "low"),
    ],
)
def test_rate_and_batch_go_together(
    optimizer: str, rate: float, size: int, word: str | None, make_case: MakeCase, fired: Fired
) -> None:
    case = make_case(
        [f"optimizer={optimizer}", f"optimizer.lr={rate}", f"batch_size={size}"], on="digits", recipe="table"
    )
    assert fired(case) == ([] if word is None else ["rate_for_batch"])
    if word is not None:
        found = only(case, "rate_for_batch")
        assert f"is {word} for {optimizer} at a batch of {size}" in found.message
        assert "at 256" in found.message
        assert "Set optimizer.lr=" in found.advice


def test_a_linear_model_takes_any_rate_that_converges(make_case: MakeCase, fired: Fired) -> None:
    assert fired(make_case(["optimizer=adam", "optimizer.lr=0.1", "model=mlp", "model.widths="])) == []


def test_mirrored_signs(make_case: MakeCase, fired: Fired) -> None:
    both = make_case(["augment=flip,crop", "views=flip"], on="signs")
    assert fired(both) == ["mirrored_text"]
    assert only(both, "mirrored_text").advice == "Set augment without flip and views=one."
    assert only(make_case(["views=flip"], on="signs"), "mirrored_text").advice == "Set views=one."
    assert fired(make_case(["augment=flip,crop", "augment.flip.p=0"], on="signs")) == []
    assert fired(make_case(["augment=flip,crop", "views=flip"], on="colour")) == []


def test_upside_down_is_a_note(make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["augment=vflip"], on="colour")
    assert fired(case) == ["upside_down"]
    assert only(case, "upside_down").severity == "note"
    assert "augment without vflip" in only(case, "upside_down").advice
    assert fired(make_case(["augment=flip"], on="colour")) == []
    assert fired(make_case(["augment=vflip"], on="signs")) == ["mirrored_text"]


@pytest.mark.parametrize(
    ("id", "breaking", "sound", "change"),
    [
        ("long_warmup", ["warmup=0.6"], ["warmup=0.5"], "warmup=0.1"),
        (
            "patience_in_warmup",
            ["patience=3", "warmup=0.2", "epochs=20"],
            ["patience=4", "warmup=0.2", "epochs=20"],
            "patience=5",
        ),
        (
            "decay_twice",
            ["penalties=l2", "optimizer.weight_decay=0.1"],
            ["penalties=l2", "optimizer.weight_decay=0"],
            "optimizer.weight_decay=0",
        ),
        (
            "coupled_decay",
            ["optimizer=rmsprop", "optimizer.weight_decay=0.1"],
            ["optimizer=rmsprop", "optimizer.weight_decay=0"],
            "optimizer=adamw",
        ),
        (
            "lookahead_twice",
            ["optimizer=lookahead", "average=lookahead"],
            ["optimizer=lookahead", "average=none"],
            "average=none",
        ),
    ],
)
def test_fields_that_contradict_each_other(
    id: str, breaking: list[str], sound: list[str], change: str, make_case: MakeCase, fired: Fired
) -> None:
    case = make_case(breaking)
    assert fired(case) == [id]
    assert change in only(case, id).advice
    assert only(case, id).severity == "warning"
    assert fired(make_case(sound)) == []


def test_coupled_decay_is_sound_under_sgd(make_case: MakeCase, fired: Fired) -> None:
    assert fired(make_case(["optimizer=sgd", "optimizer.weight_decay=1e-3"])) == []


def test_early_stopping_wants_a_validation_split(make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["patience=50"])
    assert fired(case) == []
    without = dataclasses.replace(case, splits={"train": 300})
    found = only(without, "early_stopping_without_validation")
    assert found.severity == "error"
    assert "patience=50 needs a validation split" in found.message
    assert "patience=none" in found.advice
    plain = dataclasses.replace(without, recipe=case.recipe.replace(patience=None, monitor="auto"))
    assert fired(plain) == []


def test_a_batch_is_never_larger_than_the_training_split(make_case: MakeCase) -> None:
    case = make_case(["batch_size=4096"])
    assert case.batch_size == case.splits["train"] == np.sum(case.splits["train"])


def test_classes_of_very_uneven_size_are_told(make_case: MakeCase) -> None:
    x = np.random.default_rng(0).normal(size=(330, 6)).astype(np.float32)

    def case(rare: int, *edits: str) -> Case:
        names = np.array(["common", "rare", "between"])
        return make_case(edits, on=open_data((x, names[np.repeat([0, 1, 2], [300 - rare, rare, 30])])))

    finding = only(case(6), "uneven_classes")
    assert finding.severity == "note"
    assert re.search(r"Class common has \d+ training samples and rare \d, \d\d times fewer", finding.message)
    assert "balance=prior" in finding.advice
    for silent in (case(40), case(6, "balance=sampler"), case(6, "loss.weights=balanced")):
        assert ask(rules["uneven_classes"], silent) is None
