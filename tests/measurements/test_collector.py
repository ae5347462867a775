"""What is seen of a forward pass, and that the pass is what it would have been."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from trainwell.activations import activations
from trainwell.measurements.collector import Collector


class Functional(nn.Module):
    """One activation of each way of writing it, a module used twice, and a residual sum."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.act = nn.Tanh()
        self.block = nn.Sequential(nn.Linear(6, 6), nn.ELU(inplace=True))
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = functional.relu(self.first(x))
        hidden = self.act(self.second(hidden)) + hidden
        hidden = self.drop(self.act(self.block(hidden)))
        return {"logits": self.last(hidden).sigmoid(), "hidden": functional.softmax(hidden, 1)}


class Gate(nn.Module):
    """A layer whose activation is applied by a model's own module."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


def looked(model: nn.Module, x: Any, slopes: bool = False) -> Collector:
    collector = Collector(model, slopes=slopes)
    with collector.looking():
        model(x)
    return collector


def shapes(model: nn.Module, x: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(output.shape) for name, output in looked(model, x).activations.items()}


def test_modules_and_functions_are_seen_in_order_under_their_names() -> None:
    torch.manual_seed(0)
    model, x = Functional(), torch.randn(5, 4)
    collector = looked(model, x, slopes=True)
    assert list(collector.activations) == ["relu()", "act", "block.1", "act:2", "sigmoid()"]
    first = torch.relu(model.first(x))
    assert torch.equal(collector.activations["relu()"], first)
    assert torch.equal(collector.activations["act"], torch.tanh(model.second(first)))
    assert collector.activations["sigmoid()"].shape == (5, 2)
    assert not any(output.requires_grad for output in collector.activations.values())
    assert list(collector.slopes) == list(collector.activations)
    assert torch.equal(collector.slopes["relu()"], (first > 0).float().flatten())
    inside = torch.nn.functional.elu(model.block[0](torch.tanh(model.second(first)) + first))
    wanted = torch.where(inside > 0, 1.0, inside + 1)  # d elu / dx below 0 is elu + 1: of the input, not the output
    assert torch.allclose(collector.slopes["block.1"], wanted.flatten(), atol=1e-6)
    assert list(looked(nn.Sequential(nn.Linear(4, 3), Gate()), x).activations) == ["1.sigmoid()"]
    collector.forget()
    assert not collector.activations and not collector.slopes


def test_units_stand_last_wherever_they_were() -> None:
    images = torch.randn(2, 3, 8, 8)
    assert shapes(nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU()), images) == {"2": (2, 6, 6, 5)}
    assert shapes(nn.Sequential(nn.Conv1d(4, 7, 1), nn.ReLU()), torch.randn(2, 4, 9)) == {"1": (2, 9, 7)}
    assert shapes(nn.Sequential(nn.Linear(4, 7), nn.GELU()), torch.randn(2, 9, 4)) == {"1": (2, 9, 7)}
    assert shapes(nn.Sequential(nn.Linear(8, 6), nn.ReLU()), images) == {"1": (2, 3, 8, 6)}
    assert shapes(nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten(), nn.ReLU()), images) == {"2": (2, 180)}
    turned = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(2), Turn(), nn.ReLU())
    assert shapes(turned, images) == {"3": (2, 64, 4)}
    assert shapes(nn.Sequential(nn.ReLU()), images) == {"0": (2, 8, 8, 3)}
    assert shapes(nn.Sequential(nn.Linear(4, 1), nn.Flatten(0), nn.Sigmoid()), torch.randn(5, 4)) == {"2": (5, 1)}
    recurrent = Recurrent()
    assert shapes(recurrent, torch.randn(2, 3, 4)) == {"relu()": (2, 3, 6)}


class Turn(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


class Recurrent(nn.Module):
    """The tanh inside the LSTM is fused, and not seen."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 6, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.lstm(x)[0])


@pytest.mark.parametrize("id", [member.id for member in activations if member.id not in ("identity", "softmax")])
def test_every_activation_of_ours_is_seen_as_one(id: str) -> None:
    made = activations.build(id)
    collector = looked(nn.Sequential(nn.Linear(4, 6), made), torch.randn(5, 4), slopes=True)
    assert list(collector.activations) == ["1"]
    assert list(collector.slopes) == (["1"] if activations[id].facts.get("elementwise", True) else [])


class Drawing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.rrelu(x, training=True)


def test_a_function_that_draws_has_no_slope_and_is_drawn_once() -> None:
    x = -torch.ones(3, 4)
    torch.manual_seed(0)
    wanted = Drawing()(x)
    random = torch.get_rng_state()
    torch.manual_seed(0)
    collector = looked(Drawing(), x, slopes=True)
    assert torch.equal(collector.activations["rrelu()"], wanted)
    assert collector.slopes == {}
    assert torch.equal(torch.get_rng_state(), random)


def test_the_pass_is_bit_for_bit_what_it_would_have_been() -> None:
    """Outputs, gradients, buffers, draws, hooks, modes: dropout, batch norm and activations that draw are among it."""

    def trained(look: bool) -> tuple[list[Tensor], nn.Module]:
        torch.manual_seed(0)
        layers = [nn.Linear(4, 6), nn.BatchNorm1d(6), nn.RReLU(), nn.Dropout(0.5), nn.PReLU(6), nn.Linear(6, 4)]
        model = nn.Sequential(*layers, activations.build("rrelu"), Functional())
        x = torch.randn(5, 4)
        collector = Collector(model, slopes=True)
        for _ in range(2):
            if look:
                with collector.looking():
                    output = model(x)["logits"]
            else:
                output = model(x)["logits"]
            output.sum().backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        return [output, *gradients, *model.state_dict().values(), torch.get_rng_state()], model

    (plain, _), (seen, model) = trained(False), trained(True)
    assert len(plain) == len(seen)
    assert all(torch.equal(one, other) for one, other in zip(plain, seen, strict=True))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_parts_are_seen_once_and_give_the_same_gradient(reentrant: bool) -> None:
    torch.manual_seed(0)
    block = nn.Sequential(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 4), nn.Tanh())

    class Saving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = block

        def forward(self, x: Tensor) -> Tensor:
            return checkpoint(self.block, x, use_reentrant=reentrant)

    x, model = torch.randn(3, 4, requires_grad=True), Saving()
    wanted = torch.autograd.grad(block(x).sum(), x)[0]
    collector = Collector(model, slopes=True)
    with collector.looking():
        output = model(x)
    output.sum().backward()
    assert x.grad is not None and torch.equal(x.grad, wanted)
    assert list(collector.activations) == ["block.1", "block.3"]
    assert torch.equal(collector.activations["block.3"], output)


def test_autocast_outputs_are_of_its_precision_and_slopes_of_full() -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.Sigmoid())
    collector = Collector(model, slopes=True)
    with torch.autocast("cpu", dtype=torch.bfloat16), collector.looking():
        model(torch.randn(5, 4))
    assert collector.activations["1"].dtype == torch.bfloat16
    assert collector.slopes["1"].dtype == torch.float32


def test_a_part_that_is_compiled_keeps_its_graph() -> None:
    """Looking does not make a compiled part compile once more each time."""
    graphs = []

    def backend(graph: Any, inputs: Any) -> Any:  # noqa: ARG001
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    model = nn.Sequential(nn.Linear(4, 6), torch.compile(nn.Sequential(nn.ReLU(), nn.Linear(6, 2)), backend=backend))
    x, collector = torch.randn(5, 4), Collector(model, slopes=True)
    plain = model(x)
    made = []
    for _ in range(4):
        with collector.looking():
            assert torch.equal(model(x), plain)
        assert torch.equal(model(x), plain)
        made.append(len(graphs))
    assert made == made[:1] * 4


def test_what_is_changed_in_place_or_raises_is_left_out() -> None:
    class Changing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gelu, self.tanh = nn.GELU(), nn.Tanh()

        def forward(self, x: Tensor) -> Tensor:
            changed = self.gelu(x)
            changed += 1.0
            return self.tanh(changed)

    assert list(looked(Changing(), torch.randn(2, 3)).activations) == ["tanh"]

    class Failing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bad = nn.Sequential(nn.PReLU(7))

        def forward(self, x: Tensor) -> Tensor:
            try:
                return self.bad(x)
            except RuntimeError:
                return x

    assert list(looked(nn.Sequential(Failing(), nn.ReLU()), torch.randn(2, 3)).activations) == ["1"]


def test_a_pass_that_fails_leaves_no_hook() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Linear(4, 2))
    collector = Collector(model)
    with pytest.raises(RuntimeError), collector.looking():
        model(torch.randn(2, 3))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert collector.activations == {}
    with collector.looking():
        model(torch.randn(2, 4))
    assert list(collector.activations) == ["0"]
