"""Parameters that cannot learn, optimizers, batches and classes: faulty programs, clean twins, and sound odd ones."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses import gather
from trainwell.diagnoses.problems import Suspicion, fitted, problems
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]
Optimizer = Callable[[Any], torch.optim.Optimizer]
adam: Optimizer = partial(torch.optim.Adam, lr=0.02)


class Cut(nn.Module):
    """The graph ends here."""

    def forward(self, x: Tensor) -> Tensor:
        return x.detach()


class Branched(nn.Module):
    """A trunk with a head that the loss sees, one that it does not see, and a layer that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head, self.other = nn.Linear(4, 16), nn.Linear(16, 3), nn.Linear(16, 2)
        self.spare = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Any:
        found = torch.relu(self.trunk(x))
        return self.head(found), self.other(found)


class First(nn.Module):
    """Cross-entropy of the first of several outputs."""

    def forward(self, output: Any, target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(output[0], target)


class Residual(nn.Module):
    """A block whose last layer starts at 0."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.two.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.two(torch.relu(self.one(x)))


def data(uneven: float = 0.0, moved: bool = False, mixed: bool = False) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Three classes of four features: of the last two all but the share `uneven` left out, of training or of all."""
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(480, 4, generator=draws)
    scores = x[:, :3] + (3.0 * torch.randn(480, 3, generator=draws) if mixed else 0.0)
    y = scores.argmax(1)
    kept = torch.rand(480, generator=draws) < uneven if uneven else torch.ones(480, dtype=torch.bool)
    kept |= y == 0
    train = kept[:320]
    valid = torch.ones(160, dtype=torch.bool) if moved else kept[320:]
    return x[:320][train], y[:320][train], x[320:][valid], y[320:][valid]


def net(
    *between: Callable[[], nn.Module],
    optimizer: Optimizer = adam,
    prepared: Callable[[nn.Sequential], Any] | None = None,
    held: Callable[[nn.Sequential], Any] | None = None,
    loss: Any = None,
    batch: int = 16,
    epochs: int = 4,
    seed: int = 0,
    **more: Any,
) -> Parts:
    """A layer, ReLU, what is given, and a head."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), *(make() for make in between), nn.Linear(24, 3))
    if prepared is not None:
        prepared(model)
    given = optimizer(model.parameters() if held is None else held(model))
    x, y, valid, labels = data(**more)
    return parts(model, loss or nn.CrossEntropyLoss(), given, (x, y), (valid, labels), batch_size=batch, epochs=epochs)


def branched() -> Parts:
    torch.manual_seed(0)
    model = Branched()
    x, y, valid, labels = data()
    return parts(model, First(), adam(model.parameters()), (x, y), (valid, labels), batch_size=16, epochs=2)


def frozen(model: nn.Sequential) -> None:
    for module in list(model)[:-1]:
        module.requires_grad_(False)


def learnt(model: nn.Sequential) -> None:
    """Weights that were learnt elsewhere, the same whatever the seed, and frozen."""
    with torch.no_grad():
        values = torch.randn(24, 4, generator=torch.Generator().manual_seed(7))
        model[0].weight.copy_(values)
        model[0].bias.zero_()
    frozen(model)


def of_another(_: nn.Sequential) -> Sequence[nn.Parameter]:
    return list(nn.Linear(4, 24).parameters())


def head(model: nn.Sequential) -> Any:
    return model[-1].parameters()


def still(model: nn.Sequential) -> list[dict[str, Any]]:
    return [{"params": model[0].parameters(), "lr": 0.0}, {"params": model[-1].parameters()}]


def seen(program: Callable[..., Parts]) -> Suspicion | None:
    """What is said of frozen parameters where the program can be made anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "TRIALS", {})
        evidence = gather.gather(program(), build=lambda seed: program(seed=seed))
    suspicion: Suspicion | None = problems["frozen-parameters"].make(evidence, fitted()["frozen-parameters"].limits)
    return suspicion


narrow = partial(net, optimizer=partial(torch.optim.Adam, lr=0.002), epochs=2)  # too short to do without what is frozen
deep = partial(narrow, partial(nn.Linear, 24, 24), nn.ReLU, partial(nn.Linear, 24, 24), nn.ReLU)


@pytest.mark.parametrize(
    ("program", "sign"),
    [
        (partial(net, held=of_another), "stale"),
        (partial(net, Cut), "cut"),
        (partial(net, held=still, prepared=lambda model: nn.init.zeros_(model[0].weight)), "still"),
        (partial(deep, prepared=frozen), "fresh"),
    ],
)
def test_parameters_that_cannot_learn(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("frozen-parameters", program)
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize("program", [partial(deep, prepared=frozen), partial(deep, held=head)])
def test_what_another_seed_fills_otherwise_was_never_learnt(program: Callable[..., Parts]) -> None:
    found = seen(program)
    assert found is not None
    assert found.sign == "random"
    assert found.evidence["share"] > 0.5


def test_a_body_that_was_learnt_elsewhere() -> None:
    assert seen(partial(narrow, prepared=learnt)) is None


@pytest.mark.parametrize("program", [net, branched, deep, partial(narrow, prepared=learnt)])
def test_all_that_should_learn_does(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("frozen-parameters", program) is None


def constant(value: float) -> Callable[[nn.Sequential], None]:
    def fill(model: nn.Sequential) -> None:
        for module in model:
            if isinstance(module, nn.Linear):
                nn.init.constant_(module.weight, value)
                nn.init.zeros_(module.bias)

    return fill


def zero_head(model: nn.Sequential) -> None:
    nn.init.zeros_(model[-1].weight)


def told_apart(model: nn.Sequential) -> None:
    """Equal units, and a head that was drawn: their gradients differ."""
    nn.init.constant_(model[0].weight, 0.3)
    nn.init.zeros_(model[0].bias)


@pytest.mark.parametrize(("prepared", "sign"), [(constant(0.0), "zero"), (constant(0.2), "same")])
def test_units_that_stay_alike(suspect: Ask, prepared: Callable[[nn.Sequential], None], sign: str) -> None:
    found = suspect("symmetric-init", partial(net, prepared=prepared))
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize(
    "program",
    [
        net,
        partial(narrow, prepared=zero_head),
        partial(narrow, prepared=told_apart),
        partial(narrow, partial(Residual, 24)),
        partial(narrow, prepared=lambda model: nn.init.normal_(model[0].weight, std=1e-3)),
    ],
)
def test_units_that_differ(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("symmetric-init", program) is None


def climbing(output: Tensor, target: Tensor) -> Tensor:
    """The log-likelihood, to be maximised."""
    return -nn.functional.cross_entropy(output, target)


BAD_STEPS = [
    (partial(net, optimizer=partial(torch.optim.Adam, lr=0.02, maximize=True)), "climbs"),
    (partial(net, optimizer=partial(torch.optim.Rprop, lr=0.5), batch=4, mixed=True), "whole"),
    (partial(net, optimizer=partial(torch.optim.Adam, lr=0.002, eps=10.0)), "eps"),
    (partial(net, optimizer=partial(torch.optim.SGD, lr=0.3, momentum=0.9995)), "window"),
    (partial(net, optimizer=partial(torch.optim.SGD, lr=0.3, momentum=0.5, dampening=1.0)), "deaf"),
]


@pytest.mark.parametrize(("program", "sign"), BAD_STEPS)
def test_steps_by_a_wrong_rule(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("optimizer-unsuited", program)
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize(
    "program",
    [
        net,
        partial(net, optimizer=partial(torch.optim.SGD, lr=0.1, momentum=0.9)),
        partial(net, optimizer=partial(torch.optim.SGD, lr=0.001, momentum=0.9, dampening=0.9)),
        partial(net, optimizer=partial(torch.optim.Rprop, lr=0.01), batch=320, epochs=40),
        partial(net, optimizer=partial(torch.optim.Adam, lr=0.02, maximize=True), loss=climbing),
        partial(net, optimizer=partial(torch.optim.Adam, lr=1e-5)),
    ],
)
def test_steps_by_a_rule_that_fits(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("optimizer-unsuited", program) is None


hot = partial(net, optimizer=partial(torch.optim.SGD, lr=1.0), batch=1, epochs=1)


def test_one_sample_a_step(suspect: Ask) -> None:
    tried = suspect("batch-too-small", hot, "small-batch")
    assert tried is not None
    assert tried.sign == "trial"
    assert tried.evidence["gain"] > 0.1


def test_one_sample_a_step_where_nothing_was_tried(suspect: Ask) -> None:
    found = suspect(
        "batch-too-small", partial(net, optimizer=partial(torch.optim.SGD, lr=5.0), batch=1, epochs=1, mixed=True)
    )
    assert found is not None
    assert found.sign == "noise"


@pytest.mark.parametrize(
    "program",
    [
        partial(net, optimizer=partial(torch.optim.SGD, lr=0.02), batch=1, epochs=1),
        partial(net, optimizer=partial(torch.optim.SGD, lr=30.0)),
    ],
)
def test_small_batches_with_a_small_rate_and_large_ones(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("batch-too-small", program, "small-batch") is None


@pytest.mark.parametrize(
    ("program", "sign"),
    [
        (partial(net, uneven=0.05, moved=True), "shift"),
        (partial(net, uneven=0.1, mixed=True, optimizer=partial(torch.optim.Adam, lr=0.003)), "commonest"),
    ],
)
def test_classes_of_too_few_samples(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("class-imbalance", program)
    assert found is not None
    assert found.sign == sign


@pytest.mark.parametrize(
    "program",
    [
        net,
        partial(net, uneven=0.2, epochs=12),
        partial(net, uneven=0.05, moved=True, loss=nn.CrossEntropyLoss(torch.tensor([1.0, 9.0, 9.0]))),
        partial(net, mixed=True),
    ],
)
def test_classes_that_are_even_weighted_or_told_apart(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("class-imbalance", program) is None
