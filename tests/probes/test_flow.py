"""The flow of a network: what ran, what read what, and what could not be seen."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from trainwell.errors import BadValue
from trainwell.models import build
from trainwell.probes.flow import INPUT, UNSEEN, Flow, trace


class Written(nn.Module):
    """A forward pass as people write it: modules, functions, operators, and layers that are used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.own = nn.Parameter(torch.randn(4, 4))
        self.head = nn.Linear(16, 5)
        self.never = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.norm(self.conv(x)))
        skip = out
        out = self.drop(out) * 2
        out = out + skip
        out = F.max_pool2d(out, 4).permute(0, 2, 3, 1) @ self.own
        return torch.softmax(self.head(out.flatten(1)), dim=1)


def kinds(flow: Flow) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(op.kind, op.id, op.inputs) for op in flow.operations]


def named(flow: Flow, name: str) -> int:
    return next(op.number for op in flow.operations if op.name == name)


def test_modules_functions_and_operators_are_linked_by_their_tensors() -> None:
    flow = trace(Written(), torch.randn(2, 3, 8, 8))
    assert kinds(flow) == [
        ("layer", "conv2d", (INPUT,)),
        ("norm", "batch", (0,)),
        ("activation", "relu", (1,)),
        ("dropout", "dropout", (2,)),
        ("scale", "mul", (3,)),
        ("add", "add", (4, 2)),
        ("pool", "max_pool2d", (5,)),
        ("shape", "permute", (6,)),
        ("layer", "matmul", (7,)),
        ("shape", "flatten", (8,)),
        ("layer", "linear", (9,)),
        ("activation", "softmax", (10,)),
    ]
    assert flow.outputs == (11,)
    assert flow.gaps == []
    assert flow.idle == ("never",)
    assert [op.name for op in flow.operations[:4]] == ["conv", "norm", "relu()", "drop"]
    assert flow.operations[3].p == 0.3


def test_what_lies_before_and_behind_looks_through_what_is_asked() -> None:
    model = Written()
    flow = trace(model, torch.randn(2, 3, 8, 8))
    conv, head, softmax = flow.operations[0], flow.operations[10], flow.operations[11]
    assert [op.id for op in flow.before(head)] == ["matmul"]
    assert [op.id for op in flow.behind(conv)] == ["batch"]
    assert [op.id for op in flow.behind(conv, frozenset({"norm", "activation"}))] == ["dropout", "add"]
    assert flow.last() == [softmax]
    assert [op.name for op in flow.last(frozenset({"activation"}))] == ["head"]
    assert [op.name for op in flow.heads] == ["head"]
    assert [op.name for op in flow.hidden] == ["conv", "matmul()"]
    assert flow.leads_on(flow.operations[5])
    assert not flow.leads_on(softmax)
    assert flow.comes_from_layer(flow.operations[1])
    assert not flow.comes_from_layer(conv)


def test_operations_are_of_the_network_itself_not_of_the_copy() -> None:
    model = Written()
    flow = trace(model, torch.randn(2, 3, 8, 8))
    assert flow.operations[0].module is model.conv
    assert flow.operations[0].weight is model.conv.weight
    assert flow.operations[8].weight is model.own
    assert flow.operations[10].bias is model.head.bias
    assert flow.operations[0].fan_in == 27
    assert flow.operations[0].spread == pytest.approx(float((27 * model.conv.weight.detach().square().mean()).sqrt()))
    assert flow.operations[8].fan_in is None


@pytest.mark.parametrize("inplace", [False, True])
def test_in_place_operations_keep_the_chain(inplace: bool) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace), nn.Dropout(0.1, inplace), nn.Linear(4, 2))
    flow = trace(model, torch.randn(2, 4))
    assert [op.inputs for op in flow.operations] == [(INPUT,), (0,), (1,), (2,)]


@pytest.mark.parametrize("name", ["drop", "dropout()"])
def test_an_idle_dropout_is_told_from_what_it_hands_on(name: str) -> None:
    """In evaluation a dropout returns the very tensor it got; who reads that tensor past it is not behind it."""

    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop, self.a, self.b = nn.Dropout(0.5), nn.Linear(4, 2), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = torch.tanh(x)
            dropped = self.drop(x) if name == "drop" else F.dropout(x, 0.5, self.training)
            return self.a(dropped) - self.b(x)

    flow = trace(Fork(), torch.randn(2, 4))
    assert flow.operations[named(flow, "a")].inputs == (named(flow, name),)
    assert flow.operations[named(flow, "b")].inputs == (named(flow, "tanh()"),)


def test_functions_with_their_own_weights() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w, self.b = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.zeros(3))
            self.scale, self.shift = nn.Parameter(torch.ones(3)), nn.Parameter(torch.zeros(3))
            self.register_buffer("mean", torch.zeros(3))
            self.register_buffer("var", torch.ones(3))

        def forward(self, x: Tensor) -> Tensor:
            out = F.linear(x, self.w, bias=self.b)
            out = F.batch_norm(out, self.mean, self.var, self.scale, self.shift, self.training)
            return F.dropout(F.silu(out), 0.25, self.training).sigmoid_()

    model = Functional()
    flow = trace(model, torch.randn(2, 4))
    assert [(op.kind, op.id) for op in flow.operations] == [
        ("layer", "linear"),
        ("norm", "batch"),
        ("activation", "swish"),
        ("dropout", "dropout"),
        ("activation", "sigmoid"),
    ]
    assert (flow.operations[0].weight is model.w, flow.operations[0].bias is model.b) == (True, True)
    assert (flow.operations[1].weight is model.scale, flow.operations[1].bias is model.shift) == (True, True)
    assert flow.operations[3].p == 0.25


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        out, (hidden, _) = self.lstm(x)
        return {"logits": self.head(out[:, -1]), "state": (hidden,)}


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        once = self.layer(x)
        return once, self.layer(F.relu(once))


def test_recurrent_layers_and_outputs_in_containers() -> None:
    flow = trace(Recurrent(), torch.randn(2, 5, 4))
    assert [op.kind for op in flow.operations] == ["recurrent", "shape", "layer"]
    assert set(flow.outputs) == {0, 2}
    assert [op.name for op in flow.heads] == ["head"]


def test_a_module_used_twice_stands_there_twice() -> None:
    flow = trace(Twice(), torch.randn(2, 4))
    assert [(op.name, op.inputs) for op in flow.operations] == [("layer", (INPUT,)), ("relu()", (0,)), ("layer", (1,))]
    assert flow.outputs == (0, 2)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_a_way_that_cannot_be_seen_is_a_gap_and_no_guess() -> None:
    class Detour(nn.Module):
        def __init__(self, way: Callable[[Tensor], Tensor]) -> None:
            super().__init__()
            self.first, self.second, self.way = nn.Linear(4, 4), nn.Linear(4, 2), way

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.way(self.first(x)))

    for way in (
        lambda x: torch.from_numpy(x.numpy() * 2),
        lambda x: torch.tensor(x.tolist()),
        lambda x: torch.relu(torch.as_tensor(x.numpy())),
    ):
        flow = trace(Detour(way), torch.randn(2, 4))
        assert [op.inputs for op in flow.operations] == [(INPUT,), (UNSEEN,)]
        assert flow.gaps == ["what second reads"]
        assert flow.before(flow.operations[1]) == []

    class Scripted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)

    assert trace(Scripted(), torch.randn(2, 4)).gaps == ["what makes the output"]


def test_constants_are_no_inputs() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.mask, self.layer = nn.Embedding(6, 4), torch.ones(4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x * self.mask + self.table(torch.arange(x.shape[1])) - torch.tensor([0.5]))

    flow = trace(Positions(), torch.randn(2, 6, 4))
    assert flow.gaps == []
    assert flow.operations[named(flow, "table")].inputs == ()
    assert [op.kind for op in flow.before(flow.operations[named(flow, "layer")])] == ["scale"]


def test_attention_and_its_like_do_not_break_the_chain() -> None:
    flow = trace(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.randn(2, 3, 8))
    assert flow.gaps == []
    assert [op.kind for op in flow.operations].count("add") == 2
    assert [op.name for op in flow.last()] == ["norm2"]
    assert flow.idle == ()  # the projection behind the attention is no call of its module, but its weights are used


def test_a_parametrised_layer_is_still_a_layer() -> None:
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 2))
    flow = trace(model, torch.randn(2, 4))
    assert [(op.kind, op.id) for op in flow.operations] == [
        ("layer", "linear"),
        ("activation", "relu"),
        ("layer", "linear"),
    ]


@pytest.mark.parametrize("name", ["mlp", "convnet", "resnet18"])
def test_networks_of_the_families_are_seen_whole(name: str) -> None:
    flow = trace(build(name, (3, 16, 16), 5, 0), torch.randn(2, 3, 16, 16))
    assert flow.gaps == []
    assert flow.idle == ()
    assert len(flow.heads) == 1
    assert "other" not in {op.kind for op in flow.operations}


def test_nothing_is_touched(nothing_touched: Callable[..., object], digits: tuple[Tensor, Tensor]) -> None:
    class Careless(nn.Module):
        """Draws, counts, and works in place on its input."""

        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = nn.Linear(64, 8), nn.BatchNorm1d(8)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return self.norm(self.layer(x.mul_(2.0))) + torch.randn(8)

    model = Careless()
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    x = digits[0][:4].clone()
    with nothing_touched(model, x):  # type: ignore[attr-defined]
        trace(model, x)
    assert hooks == [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    assert torch.overrides._get_current_function_mode_stack() == []


def test_a_network_that_fails_is_refused_with_its_own_words() -> None:
    with pytest.raises(BadValue, match=r"The network \(Linear\) fails .* RuntimeError: mat1 and mat2"):
        trace(nn.Linear(3, 2), torch.randn(2, 4))
    assert torch.overrides._get_current_function_mode_stack() == []
