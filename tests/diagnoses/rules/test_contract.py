"""What every rule owes; and that sound recipes and networks give no cause to say anything."""

import inspect

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.diagnoses.rules import rules
from trainwell.recipes import recipes

from .conftest import Fired, MakeCase

# Networks of their time, which break a rule of today: exactly these are said.
HISTORIC = {
    "lenet-sigmoid-1998": {"saturating_hidden"},
}
LIKE = ("signs", "colour", "table", "values")  # drawings, photos as small as those of CIFAR-10, classes, numbers


@pytest.mark.parametrize("rule", list(rules), ids=lambda rule: rule.id)
def test_a_rule_states_what_it_is(rule) -> None:
    text = inspect.getdoc(rule.make) or ""
    paragraphs = text.split("\n\n")
    for start in ("Definition:", "Reach for it", "Leave it", "Cost:", "Args:", "Returns:", "Reference:"):
        assert any(paragraph.startswith(start) for paragraph in paragraphs), f"{rule.id} lacks {start}"
    assert rule.facts["severity"] in ("error", "warning", "note")
    assert isinstance(rule.facts["looks_inside"], bool)
    assert rule.paper
    assert inspect.getmodule(rule.make).__name__.endswith(f".{rule.id}")


@pytest.mark.parametrize("rule", list(rules), ids=lambda rule: rule.id)
def test_a_rule_that_does_not_look_inside_needs_no_flow(rule, make_case: MakeCase) -> None:
    case = make_case()
    if not rule.facts["looks_inside"]:
        assert rule.make(case) is None
        assert "flow" not in vars(case)


@pytest.mark.parametrize("on", ["digits", "signs", "colour", "photos", "table", "values"])
def test_the_recipe_that_is_chosen_is_sound(on: str, make_case: MakeCase, fired: Fired) -> None:
    assert fired(make_case(on=on)) == []


class Residual(nn.Module):
    """A block as people write it."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        out += self.short(x)
        return F.relu(out)


class Gated(nn.Module):
    """Squeeze and excitation: a sigmoid that is a gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(channels, 4), nn.Linear(4, channels)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class Encoder(nn.Module):
    """Rows of an image as words."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.embed = nn.Linear(channels * side, 32)
        self.place = nn.Parameter(torch.randn(side, 32) * 0.02)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        words = self.embed(x.permute(0, 2, 1, 3).flatten(2)) + self.place
        return self.head(self.encoder(words).mean(1))


class Rows(nn.Module):
    """Rows of an image as a sequence."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(channels * side, 32, num_layers=2, batch_first=True), nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.lstm(x.permute(0, 2, 1, 3).flatten(2))
        return self.head(out[:, -1])


def vgg() -> nn.Module:
    layers: list[nn.Module] = []
    channels = 3
    for width in (16, 16, 32, 32):
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        channels = width
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 4)
    )


def plain() -> nn.Module:
    """Torch's tutorial: convolutions and linear layers, no norm, its own initialisation."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 4),
    )


def deep_tanh() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(192, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 4),
    )


SOUND = {
    "resnet": lambda: nn.Sequential(
        Residual(3, 16), Residual(16, 32, 2), Gated(32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 4)
    ),
    "vgg": vgg,
    "plain": plain,
    "transformer": lambda: Encoder(3, 8),
    "lstm": lambda: Rows(3, 8),
    "tanh of three layers": deep_tanh,
    "depthwise": lambda: nn.Sequential(
        nn.Conv2d(3, 12, 3, groups=3),
        nn.GroupNorm(3, 12),
        nn.SiLU(),
        nn.Conv2d(12, 16, 1),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 4),
    ),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 4)),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_networks_from_outside_raise_no_alarm(name: str, make_case: MakeCase, fired: Fired) -> None:
    torch.manual_seed(0)
    case = make_case(on="colour", model=SOUND[name]())
    assert case.flow.gaps == []
    assert fired(case) == []


@pytest.mark.parametrize("name", recipes.names)
def test_named_recipes_are_sound_but_for_those_of_their_time(name: str, make_case: MakeCase, fired: Fired) -> None:
    said: set[str] = set()
    ran = 0
    for on in LIKE if name != "large_images" else ("photos",):
        try:
            case = make_case(on=on, recipe=name)
        except ValueError:  # made for other data
            continue
        ran += 1
        said |= set(fired(case))
    assert ran
    assert said == HISTORIC.get(name, set())
