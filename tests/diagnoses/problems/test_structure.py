"""Layers, biases, norms and SELU: programs that lack what they need, clean twins, and unusual but sound ones."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainwell.diagnoses.problems import Suspicion
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]


class Called(nn.Module):
    """Two layers with a function, a gate or nothing between them."""

    def __init__(self, between: str) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Linear(2, 24), nn.Linear(2, 24), nn.Linear(24, 2)
        self.between = between

    def forward(self, x: Tensor) -> Tensor:
        found = self.one(x)
        if self.between == "relu":
            found = functional.relu(found)
        if self.between == "gate":
            found = found * self.two(x)
        return self.head(found)


class Branch(nn.Module):
    """A residual branch that starts at 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(width, width), nn.BatchNorm1d(width)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(functional.relu(self.layer(x)))


class Stream(nn.Module):
    """A residual stream without a norm at its end, as of a small transformer: its sum reaches the head unbent too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(2, 16), nn.Linear(16, 2)
        self.branches = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16)) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        found = self.first(x)
        for branch in self.branches:
            found = found + branch(found)
        return self.head(found)


class Siamese(nn.Module):
    """One batch norm for a signal and for that of another sample, of another scale: its statistics fit neither."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.layer = nn.BatchNorm1d(width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(torch.cat([self.norm(x), self.norm(30 * x.flip(0) + 90)], dim=1))


class Shifted(nn.Module):
    """A linear layer that adds its shift by hand."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs, outputs, bias=False)
        self.shift = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.shift


def program(
    *layers: nn.Module, y: str = "corners", lr: float = 0.02, sgd: bool = False, batch: int = 16, epochs: int = 8
) -> Parts:
    """Two features, in four corners of two classes (`corners`), divided by a line, or with values to predict."""
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(240, 2, generator=draws)
    line = x @ torch.tensor([[1.0], [-2.0]])
    if y == "far":
        x = 4 + x[:, :1]
        line = x - 4
    targets = {
        "corners": (x[:, 0] * x[:, -1] > 0).long(),
        "line": (line[:, 0] > 0).long(),
        "far": (line[:, 0] > 0).long(),
        "values": line,
        "high": line + 20,
    }[y]
    model = nn.Sequential(*layers) if len(layers) > 1 else layers[0]
    loss: nn.Module = nn.CrossEntropyLoss() if targets.ndim == 1 else nn.MSELoss()
    given = (torch.optim.SGD if sgd else torch.optim.Adam)(model.parameters(), lr=lr)  # type: ignore[operator]
    return parts(
        model, loss, given, (x[:160], targets[:160]), (x[160:], targets[160:]), batch_size=batch, epochs=epochs
    )


def stack(*made: Callable[[], nn.Module], **more: object) -> Parts:
    """The program of these layers, drawn from one seed."""
    torch.manual_seed(0)
    return program(*(make() for make in made), **more)  # type: ignore[arg-type]


def linear(inputs: int, outputs: int, **more: bool) -> Callable[[], nn.Module]:
    return partial(nn.Linear, inputs, outputs, **more)


plain = partial(stack, linear(2, 24), linear(24, 24), linear(24, 2))
narrow = partial(stack, linear(2, 2), nn.ReLU, linear(2, 24), linear(24, 24), linear(24, 2), epochs=12)


@pytest.mark.parametrize(
    ("given", "sign"), [(plain, "none"), (partial(stack, partial(Called, "")), "none"), (narrow, "some")]
)
def test_layers_with_nothing_between(suspect: Ask, given: Callable[[], Parts], sign: str) -> None:
    found = suspect("missing-nonlinearity", given)
    assert found is not None
    assert found.sign == sign
    assert found.where


bent = partial(stack, linear(2, 24), nn.ReLU, linear(24, 24), nn.ReLU, linear(24, 2))


@pytest.mark.parametrize(
    "given",
    [
        bent,
        partial(stack, Stream, lr=1e-6),  # it falls short, of something else
        partial(stack, partial(Called, "relu")),
        partial(stack, partial(Called, "gate")),
        partial(stack, linear(2, 24), linear(24, 2), y="line"),
        partial(stack, linear(2, 2), y="line"),
        partial(stack, linear(2, 24), nn.ReLU, linear(24, 4), linear(4, 24), nn.ReLU, linear(24, 2), lr=1e-4),
    ],
)
def test_something_bends_or_need_not(suspect: Ask, given: Callable[[], Parts]) -> None:
    assert suspect("missing-nonlinearity", given) is None


through_zero = partial(stack, linear(2, 24, bias=False), nn.Tanh, linear(24, 1, bias=False))


@pytest.mark.parametrize(
    ("given", "sign"),
    [
        (partial(through_zero, y="high"), "targets"),
        (partial(stack, linear(2, 1, bias=False), y="high", lr=0.2), "targets"),
        (partial(stack, linear(1, 16, bias=False), nn.ReLU, linear(16, 2, bias=False), y="far"), "inputs"),
    ],
)
def test_no_bias_where_one_is_needed(suspect: Ask, given: Callable[[], Parts], sign: str) -> None:
    found = suspect("missing-bias", given)
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize(
    "given",
    [
        partial(stack, linear(2, 24, bias=False), nn.Tanh, linear(24, 1), y="high", lr=0.001),
        partial(
            stack, linear(2, 24, bias=False), partial(nn.BatchNorm1d, 24), nn.ReLU, linear(24, 1, bias=False), y="high"
        ),
        partial(stack, linear(2, 24, bias=False), nn.Tanh, partial(Shifted, 24, 1), y="high", lr=0.001),
        partial(through_zero, y="values"),
        partial(stack, linear(2, 1), y="high", lr=0.001),
    ],
)
def test_a_bias_or_nothing_to_shift(suspect: Ask, given: Callable[[], Parts]) -> None:
    assert suspect("missing-bias", given) is None


def normed(norm: Callable[[], nn.Module], **more: object) -> Callable[[], Parts]:
    """A hidden layer, a norm, ReLU, and a head."""
    return partial(stack, linear(2, 24), norm, nn.ReLU, linear(24, 2), **({"epochs": 3} | more))


def batch_norm(**settings: float) -> Callable[[], nn.Module]:
    return partial(nn.BatchNorm1d, 24, **settings)  # type: ignore[arg-type]


BROKEN = [
    (partial(stack, linear(2, 24), nn.ReLU, linear(24, 1), partial(nn.LayerNorm, 1), y="values"), "single"),
    (normed(partial(nn.GroupNorm, 24, 24)), "single"),
    (normed(batch_norm(eps=1e4), sgd=True), "eps"),
    (normed(batch_norm(momentum=1e-4), epochs=6), "memory"),
    (normed(batch_norm(momentum=0.99), batch=4, lr=0.05), "few"),
    (normed(batch_norm(), batch=2, lr=0.02), "rows"),
    (normed(partial(Siamese, 24)), "modes"),
]


@pytest.mark.parametrize(("given", "sign"), BROKEN)
def test_a_norm_that_does_not_normalise(suspect: Ask, given: Callable[[], Parts], sign: str) -> None:
    found = suspect("normalisation-broken", given)
    assert found is not None
    assert found.sign == sign
    assert found.where


@pytest.mark.parametrize(
    "given",
    [
        bent,
        normed(batch_norm()),
        normed(batch_norm(), sgd=True, lr=0.001),
        normed(batch_norm(eps=1e-3), batch=8),
        normed(partial(nn.GroupNorm, 4, 24)),
        normed(partial(nn.LayerNorm, 24), batch=2),
        normed(partial(Branch, 24)),
    ],
)
def test_a_norm_that_does(suspect: Ask, given: Callable[[], Parts]) -> None:
    assert suspect("normalisation-broken", given) is None


def selu(
    depth: int = 8, spread: float = 1.0, p: float = 0.0, alpha: bool = False, scale: float = 1.0, lr: float = 0.02
) -> Parts:
    """A stack of SELU layers of width 24 by the book, or but for one thing."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for number in range(depth):
        layer = nn.Linear(24 if number else 2, 24)
        nn.init.normal_(layer.weight, std=spread * layer.in_features**-0.5)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.SELU(), *([nn.AlphaDropout(p) if alpha else nn.Dropout(p)] if p else [])]
    found = program(*layers, nn.Linear(24, 2), sgd=True, lr=lr, epochs=5)
    x, y = found.train.whole()
    valid, labels = found.valid.whole()
    return parts(
        found.model, found.loss, found.optimizer, (x * scale, y), (valid * scale, labels), batch_size=16, epochs=5
    )


@pytest.mark.parametrize(
    ("given", "sign"),
    [
        (partial(selu, p=0.5), "dropout"),
        (partial(selu, spread=0.5), "weights"),
        (partial(selu, spread=3.0), "weights"),
        (partial(selu, scale=300.0), "inputs"),
    ],
)
def test_selu_but_for_one_thing(suspect: Ask, given: Callable[[], Parts], sign: str) -> None:
    found = suspect("selu-contract", given)
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize(
    "given",
    [selu, partial(selu, p=0.05, alpha=True), partial(selu, depth=1, spread=0.5, lr=0.001), partial(selu, lr=1e-4)],
)
def test_selu_by_the_book_or_as_a_mere_activation(suspect: Ask, given: Callable[[], Parts]) -> None:
    assert suspect("selu-contract", given) is None
