"""Rules on activations: what each member says of networks that break its contract, and of sound ones."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.diagnoses import Finding
from trainwell.diagnoses.rules import Case, ask, rules

from .conftest import Fired, MakeCase, only
from .networks import stack

MLP = ["model=mlp", "model.widths=64,64,64", "optimizer.weight_decay=0"]


SELU = [*MLP, "model.activation=selu", "model.initializer=lecun_normal"]


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
