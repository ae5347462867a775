"""The recipe check as a step of the method: what is said, what refuses, what is silenced, and what cannot be seen."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.data.wrap import wrap
from trainwell.errors import BadValue, UnknownName
from trainwell.method.advise import advise, case_of, shared
from trainwell.method.screen import Silent
from trainwell.models import models
from trainwell.preprocessing import preprocessing
from trainwell.recipes import Shape, build
from trainwell.training.setup import Setup, set_up, shape_of


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """Networks that torch initialises are the same in every run."""
    torch.manual_seed(0)


class Said(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def table() -> Data:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(200, 6)).astype(np.float32)
    return open_data((x, (x[:, 0] > 0).astype(np.int64)))


def setup_of(*edits: str, model: nn.Module | None = None, data: Data | None = None) -> Setup:
    source = data or table()
    shape = shape_of(source)
    recipe = build("table", Shape("table", shape.input_shape, shape.classes, shape.count))
    if source.kind == "own":
        recipe = recipe.replace(preprocess=preprocessing.part("none"))
    if model is not None:
        recipe = recipe.replace(model=models.part("given", network=type(model).__name__))
    return set_up(source, recipe.edit(edits), torch.device("cpu"), model)


def test_a_sound_recipe_gives_nothing_to_say() -> None:
    screen = Said()
    assert advise(setup_of(), screen) == []
    assert (screen.lines, screen.warnings) == ([], [])


def test_warnings_are_warned_of_and_notes_said_the_gravest_first() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    screen = Said()
    found = advise(setup_of("warmup=0.7", model=model), screen)
    assert [(f.problem, f.severity) for f in found] == [("long_warmup", "warning"), ("bias_before_batch_norm", "note")]
    assert len(screen.warnings) == len(screen.lines) == 1
    assert screen.warnings[0].startswith("warning: warmup=0.7 spends 70%")
    assert screen.warnings[0].endswith("Set warmup=0.1. [long_warmup]")
    assert screen.lines[0].startswith("note: 1 bias in front of batch norm")


def test_what_would_fail_all_the_same_is_not_offered_to_be_silenced() -> None:
    with pytest.raises(BadValue, match=r"augment=mixup mixes labels, and loss=hinge takes one class") as caught:
        advise(setup_of("loss=hinge", "augment=mixup"), Said())
    assert "silence" not in str(caught.value)


def test_errors_refuse_with_all_their_messages() -> None:
    model = nn.Sequential(nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2), nn.Softmax(1))
    screen = Said()
    with pytest.raises(BadValue, match=r"Batch norm sees 1 sample a step.*ends with softmax") as caught:
        advise(setup_of("batch_size=1", "warmup=0.7", "optimizer.lr=1e-3", model=model), screen)
    assert caught.value.exit_code == 2
    assert "silence=small_batch_norm" in str(caught.value)
    assert "silence=softmax_before_loss" in str(caught.value)


def test_a_silenced_rule_is_not_heard_not_even_an_error() -> None:
    model = nn.Sequential(nn.Linear(6, 2), nn.Softmax(1))
    screen = Said()
    assert advise(setup_of("warmup=0.7", "silence=softmax_before_loss,long_warmup", model=model), screen) == []
    assert (screen.lines, screen.warnings) == ([], [])


def test_silence_without_effect_is_said() -> None:
    screen = Said()
    assert advise(setup_of("silence=long_warmup"), screen) == []
    assert screen.lines == ["silence=long_warmup has no effect: the rule has nothing to say here"]


def test_silence_of_an_unknown_rule_is_refused() -> None:
    with pytest.raises(
        UnknownName, match=r"There is no rule to silence called 'long_warm'. Did you mean 'long_warmup'"
    ):
        advise(setup_of("silence=long_warm"), Silent())


def test_what_cannot_be_looked_into_is_said_and_the_other_rules_are_asked() -> None:
    class Keeps(nn.Module):
        """Keeps a result of its forward pass, so that it cannot be copied."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 2)
            self.kept: Any = None

        def forward(self, x: Tensor) -> Tensor:
            self.kept = self.layer(x)
            return torch.softmax(self.kept, 1)

    model = Keeps()
    model(torch.zeros(1, 6))
    setup = setup_of("warmup=0.7", model=model)
    model(torch.zeros(1, 6))  # with gradients, as a training would leave it
    screen = Said()
    assert [found.problem for found in advise(setup, screen)] == ["long_warmup"]
    assert "rules about the network's layers are left out: The model or its loss cannot be copied" in screen.warnings[0]


def test_a_gap_in_the_flow_is_said() -> None:
    class Detour(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(torch.from_numpy(np.tanh(self.first(x).detach().numpy())))

    screen = Said()
    assert advise(setup_of(model=Detour()), screen) == []
    assert screen.lines == ["recipe check: cannot see what second reads; nothing is said about what hangs on it"]


def test_a_layer_that_is_never_asked_is_said() -> None:
    class Forgets(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.forgotten = nn.Linear(6, 2), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    screen = Said()
    assert advise(setup_of(model=Forgets()), screen) == []
    assert screen.lines == ["recipe check: forgotten did not run on a sample of the data; nothing is said of it"]


def test_the_setup_is_left_as_it_was() -> None:
    setup = setup_of("model.norm=batch", "model.dropout=dropout")
    before = {name: value.clone() for name, value in setup.model.state_dict().items()}
    state = torch.get_rng_state()
    advise(setup, Silent())
    after = setup.model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in setup.model.modules())
    assert all(parameter.grad is None for parameter in setup.model.parameters())
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in setup.model.modules())


def test_the_sample_is_what_the_network_sees_of_the_training_split() -> None:
    setup = setup_of()
    case = case_of(setup, Silent())
    assert case.x.shape == (len(setup.feeds["train"]), 6)
    assert float(case.x.mean(0).abs().max()) < 1e-5  # standardised on just these rows
    assert case.splits == {"train": 140, "valid": 30, "heldout": 30}
    rows = np.arange(6000, dtype=np.float32).reshape(1000, 6)
    large = case_of(setup_of(data=open_data((rows, np.arange(1000) % 2))), Silent())
    assert len(large.x) == len(large.y) == 256


class Samples(Dataset):
    """A data set of one's own that is read sample by sample."""

    def __len__(self) -> int:
        return 50

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return torch.full((6,), float(row // 2)), row % 2


def test_copies_that_cannot_be_looked_for_are_said() -> None:
    screen = Said()
    assert shared(wrap(Samples()), screen) == {"valid": 0}
    assert screen.lines == [
        "recipe check: samples of a data set of one's own are not compared; copies may be in both parts"
    ]


def test_the_same_rows_in_two_parts() -> None:
    data = table()
    overlapping = Data(**{**vars(data), "splits": {"train": np.arange(150), "valid": np.arange(140, 200)}})
    assert shared(overlapping, Silent()) == {"valid": 10}
