"""Measuring in the loop: it changes no bit of the training, and its numbers are those of the steps it is asked for."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.clippings import clippings
from trainwell.measurements import Step, measurements
from trainwell.training.engine import Engine
from trainwell.training.loop import Trainer

EVERY = {member.id: measurements.bind(member.id) for member in measurements}
ACTIVATIONS = {id: EVERY[id] for id in ("dead_units", "saturation", "activation_scale")}
MLP = {"name": "mlp", "widths": [32, 32], "dropout": "dropout", "norm": "batch", "activation": "rrelu"}
PLAIN = {"name": "mlp", "widths": [32, 32]}


def measured(kept: Any) -> list[dict[str, Any]]:
    return [line for line in kept.lines if line["kind"] == "measure"]


def same(one: nn.Module, other: nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in mine.items())


@pytest.mark.parametrize(
    "setting",
    [
        {"model": MLP, "optimizer": "adamw", "clip": clippings.bind("norm")},
        {"model": MLP, "optimizer": "sam", "two_pass": True},
        {"model": {"name": "convnet", "width": 4}, "layout": "channels_last", "precision": "bf16", "average": "ema"},
    ],
    ids=["clipped", "two-pass", "bf16"],
)
def test_training_is_bit_for_bit_the_same(setting: dict[str, Any], make: Callable[..., Trainer]) -> None:
    plain, seen = make(**setting), make(**setting, measurements=EVERY, measure_every=2)
    for _ in range(6):
        assert plain.advance() is None
        seen.advance()
    assert same(plain.model, seen.model)
    assert str(plain.optimizer.state_dict()) == str(seen.optimizer.state_dict())
    assert torch.equal(plain.running_loss, seen.running_loss)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in seen.model.modules())


def test_lines_are_flat_and_name_the_layers(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    trainer = make(PLAIN, epochs=3, measurements=EVERY, measure_every=4, clip=clippings.bind("norm"))
    trainer.run(kept, quiet)
    lines = measured(kept)
    assert [line["step"] for line in lines] == [4, 8]
    assert all(
        isinstance(value, float) for line in lines for name, value in line.items() if name not in ("kind", "step")
    )
    found = {name.partition(".")[2] for name in lines[0] if name.startswith("weight_norm.")}
    assert found == {name.removesuffix(".weight") for name, p in trainer.model.named_parameters() if p.ndim > 1}
    alive = {name.partition(".")[2] for name in lines[0] if name.startswith("dead_units.")}
    assert alive == {name for name, module in trainer.model.named_modules() if isinstance(module, nn.ReLU)}
    assert [line["dead_units_samples"] for line in lines] == [32.0, 64.0]
    assert "loss_noise" in lines[0] and "clipped" in lines[0]


class Noting(nn.ReLU):
    """Notes for each of its runs whether a hook was on it."""

    def __init__(self) -> None:
        super().__init__()
        self.hooked: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        self.hooked.append(bool(self._forward_hooks or self._forward_pre_hooks))
        return torch.relu(x)


@pytest.mark.parametrize(("asked", "sees"), [(None, (0, 0)), ("dead_units", (1, 0)), ("saturation", (1, 1))])
def test_activations_are_seen_where_they_are_asked_for(
    asked: str | None, sees: tuple[int, int], make: Callable[..., Trainer]
) -> None:
    seen: list[Step] = []

    def spy(step: Step) -> dict[str, Tensor]:
        seen.append(step)
        return {}

    noting = Noting()
    model = nn.Sequential(nn.Linear(64, 16), noting, nn.Linear(16, 10))
    wanted = {} if asked is None else {asked: EVERY[asked]}
    trainer = make(model, measurements={"spy": spy} | wanted, measure_every=3)
    for _ in range(4):
        trainer.advance()
    assert [(len(step.activations), len(step.slopes)) for step in seen] == [sees]
    assert sum(noting.hooked) == sees[0]
    assert len(seen[0].losses) == 3 and torch.equal(seen[0].losses[-1], seen[0].loss)


def test_of_two_passes_the_first_is_seen(make: Callable[..., Trainer]) -> None:
    noting = Noting()
    model = nn.Sequential(nn.Linear(64, 16), noting, nn.Linear(16, 10))
    trainer = make(model, "sam", two_pass=True, measurements={"dead_units": EVERY["dead_units"]}, measure_every=1)
    trainer.advance()
    assert noting.hooked == [True, False]


class Compiling(Engine):
    """Compiles as the engine does, by a backend that needs no compiler of C++ and counts what it is given."""

    graphs = 0

    def network(self, model: nn.Module) -> Any:
        def backend(graph: Any, inputs: Any) -> Any:  # noqa: ARG001
            type(self).graphs += 1
            return graph.forward

        return torch.compile(model, backend=backend)


def test_a_compiled_network_is_seen_and_trains_the_same(make: Callable[..., Trainer]) -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        layers = (nn.Linear(64, 32), nn.BatchNorm1d(32), nn.GELU(), nn.Dropout(0.5), nn.Linear(32, 32), nn.ReLU())
        return nn.Sequential(*layers, nn.Linear(32, 10))

    def trainer(**plan: Any) -> Trainer:
        made = make(network(), "sgd", **plan)
        engine = Compiling(made.engine.device, "fp32", "contiguous", True, 1)
        return Trainer(made.model, made.optimizer, made.rate, made.feed, None, engine, made.plan)

    plain, seen = trainer(), trainer(measurements=ACTIVATIONS, measure_every=2)
    found = []
    torch._dynamo.reset()
    Compiling.graphs = 0
    for _ in range(4):
        plain.advance()
        found.append(seen.advance())
    assert Compiling.graphs == 2  # one each
    assert same(plain.model, seen.model)
    assert [line is None for line in found] == [True, False, True, False]
    eager = make(network(), "sgd", measurements=ACTIVATIONS, measure_every=2)
    eager.advance()
    wanted, line = eager.advance(), found[1]
    assert wanted is not None and line is not None
    assert wanted.keys() == line.keys() and any(name.startswith("dead_units.") for name in line)
    assert all(torch.allclose(value, line[name], rtol=1e-4, atol=1e-6) for name, value in wanted.items())


@pytest.mark.parametrize("clip", ["norm", "value", "adaptive"])
def test_a_clipping_that_cuts_always_and_one_that_never_does(clip: str, make: Callable[..., Trainer]) -> None:
    shares = []
    for limit in (1e-4, 1e6):
        trainer = make(
            PLAIN,
            measurements={"clipped_share": EVERY["clipped_share"]},
            measure_every=1,
            clip=clippings.bind({"name": clip, "limit": limit}),
        )
        lines = [trainer.advance() for _ in range(4)]
        shares.append([(float(line["clipped"]), float(line["clipped_share"])) for line in lines if line is not None])
    always, never = shares
    assert all(acted == 1.0 and share > 0.0 for acted, share in always)
    assert never == [(0.0, 0.0)] * 4


def test_a_rate_that_kills_units_shows_beside_its_twin(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    last = []
    for rate in (1.0, 0.003):
        trainer = make(PLAIN, {"name": "adam", "lr": rate}, epochs=60, measurements=ACTIVATIONS, measure_every=2)
        trainer.run(kept, quiet)
        last.append(measured(kept)[-1])
    killed, healthy = last
    assert killed["dead_units_max"] > 0.5
    assert healthy["dead_units_max"] == 0.0
    assert healthy["saturation_mean"] > 0.3  # the zeros of a healthy ReLU are no dead units
    assert healthy["dead_units_samples"] >= 900
