"""Scale, centre and constancy of inputs: a faulty program, its clean twin, and a healthy one that looks like it."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from trainwell.diagnoses.problems import Suspicion
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]


def classes(scale: float = 1.0, shift: float = 0.0, decades: float = 0.0, norm: bool = False, lr: float = 0.1) -> Parts:
    """Three classes, told by linear functions of six features, which are scaled, shifted, or spread over decades."""
    torch.manual_seed(0)
    x = torch.randn(240, 6)
    y = (x @ torch.randn(6, 3)).argmax(1)
    x = (x * scale + shift) * 10 ** torch.linspace(-decades / 2, decades / 2, 6)
    first = [nn.BatchNorm1d(6)] if norm else []
    model = nn.Sequential(*first, nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    return parts(
        model,
        nn.CrossEntropyLoss(),
        torch.optim.SGD(model.parameters(), lr=lr),
        (x[:160], y[:160]),
        (x[160:], y[160:]),
        batch_size=16,
        epochs=8,
    )


clean, huge, tiny = classes, partial(classes, scale=1000.0), partial(classes, scale=1e-3)
apart, far = partial(classes, decades=6.0), partial(classes, shift=100.0)
normed = partial(classes, scale=1000.0, norm=True)
survived = partial(classes, scale=0.3, shift=0.5)


@pytest.mark.parametrize(("program", "sign"), [(huge, "large"), (tiny, "small"), (apart, "decades")])
def test_inputs_on_another_scale(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("input-not-normalised", program, "standardised")
    assert found is not None
    assert found.sign == sign
    assert found.evidence["gain"] > 0.2
    assert found.fixes[0].name == "standardise-inputs"


@pytest.mark.parametrize("program", [clean, normed, survived, far])
def test_inputs_in_order_behind_a_norm_or_only_off_centre(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("input-not-normalised", program, "standardised") is None


def test_inputs_far_from_0(suspect: Ask) -> None:
    found = suspect("input-not-centred", far, "standardised")
    assert found is not None
    assert found.evidence["centre"] == pytest.approx(100, rel=0.2)
    assert found.evidence["gain"] > 0.2


@pytest.mark.parametrize("program", [clean, survived, huge])
def test_inputs_that_are_centred_or_nearly(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("input-not-centred", program, "standardised") is None


def lost(kept: bool) -> Parts:
    """Values told by three features of six; these three hold one number each, or the three others do."""
    torch.manual_seed(0)
    x = torch.randn(240, 6)
    y = x[:, :3].sum(1, keepdim=True)
    x[:, 3:] = x[:, 3:] if not kept else 1.0
    x[:, :3] = x[:, :3] if kept else 1.0
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
    given = torch.optim.Adam(model.parameters(), lr=0.01)
    return parts(model, nn.MSELoss(), given, (x[:160], y[:160]), (x[160:], y[160:]), batch_size=16, epochs=8)


def same() -> Parts:
    """Inputs that are the same for all samples."""
    given = lost(kept=True)
    return parts(
        given.model,
        given.loss,
        given.optimizer,
        (torch.ones(160, 6), given.train.whole()[1]),
        batch_size=16,
        epochs=2,
    )


missed, spared = partial(lost, kept=False), partial(lost, kept=True)


def test_constant_features_are_named_where_they_are_missed(suspect: Ask) -> None:
    found = suspect("constant-feature", missed)
    assert found is not None
    assert found.evidence["share"] == 0.5
    assert "columns 0, 1, 2)" in found.message
    everything = suspect("constant-feature", same)
    assert everything is not None
    assert everything.sign == "all"


def test_constant_features_that_nobody_misses(suspect: Ask) -> None:
    assert suspect("constant-feature", spared) is None
    assert suspect("constant-feature", clean, "standardised") is None
