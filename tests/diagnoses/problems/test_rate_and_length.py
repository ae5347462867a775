"""Rate, batch and epochs: a faulty program, its clean twin, and a healthy one that looks like it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from trainwell.diagnoses.evidence import Evidence, Look, Trial
from trainwell.diagnoses.problems import Suspicion, fitted, problems
from trainwell.edits import edits
from trainwell.probes.parts import Parts, parts
from trainwell.probes.training import Curves

Ask = Callable[..., Suspicion | None]
Make = Callable[..., Any]
LR, TOO_LOW = "learning-rate-too-high", "learning-rate-too-low"


def blobs(lr: float = 0.1, batch_size: int = 16, epochs: int = 8, noisy: int = 0, **sgd: float) -> Parts:
    """Five blobs on a circle; every so many labels, if any, are dealt out anew."""
    torch.manual_seed(0)
    y = torch.arange(240) % 5
    angle = y * 2 * torch.pi / 5
    x = 0.3 * torch.randn(240, 2) + torch.stack([angle.sin(), angle.cos()], 1) * 1.5
    if noisy:
        y[::noisy] = torch.randint(0, 5, y[::noisy].shape)
    model = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 5))
    given = torch.optim.SGD(model.parameters(), lr=lr, **sgd)
    loss = nn.CrossEntropyLoss()
    shown = (x[:160], y[:160]), (x[160:], y[160:])
    return parts(model, loss, given, *shown, batch_size=batch_size, epochs=epochs)


clean = partial(blobs, momentum=0.9)
wild = partial(blobs, lr=100.0)
bold = partial(blobs, lr=0.5, noisy=4)
crawling, still = partial(blobs, lr=3e-4), partial(blobs, lr=1e-7)
patient = partial(blobs, lr=0.03, epochs=12, noisy=4)
early = partial(blobs, lr=0.05, epochs=1)
brief = partial(blobs, lr=0.1, epochs=3, batch_size=8, noisy=4)
whole = partial(blobs, lr=0.1, batch_size=160, epochs=4)
smooth = partial(blobs, lr=0.5, batch_size=160, epochs=40, noisy=4)


def test_a_rate_too_high(suspect: Ask) -> None:
    found = suspect("learning-rate-too-high", wild, "rate-/10", "rate-/100", "rate-x10")
    assert found is not None
    assert found.sign == "trial"
    assert found.evidence["gain"] > 0.4
    assert found.fixes[0].name == "rate"
    assert found.fixes[0].args["factor"] == found.evidence["factor"] < 1


@pytest.mark.parametrize("program", [clean, bold, still])
def test_a_rate_that_is_not_too_high(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("learning-rate-too-high", program, "rate-/10", "rate-/100", "rate-x10") is None


@pytest.mark.parametrize("program", [crawling, still])
def test_a_rate_too_low(suspect: Ask, program: Callable[[], Parts]) -> None:
    found = suspect("learning-rate-too-low", program, "rate-x10", "rate-x100", "rate-/10")
    assert found is not None
    assert found.fixes[0].name == "rate"
    assert found.fixes[0].args["factor"] >= 10
    for fix in found.fixes:
        edits.part(fix.name, **fix.args)  # it can be made


def test_weights_that_hardly_leave_where_they_began(suspect: Ask) -> None:
    found = suspect("learning-rate-too-low", still)
    assert found is not None
    assert found.sign == "way"
    assert found.evidence["way"] < 1e-3


def test_weights_that_hardly_move_where_no_simple_learner_shows_what_is_missing(evidence: Make, curves: Make) -> None:
    """Photos: ten times the rate changes nothing either, but another optimizer at a rate of its own does."""
    moved = Look(step=1, units=(), gradients={}, updates={"a": 1e-6}, norms={}, gradient_norm=None, noise=None)
    short = curves(0.5, taken=10)
    seen = evidence(watched=short, looks=(moved,), trials=tried(sound=curves(0.75, taken=10)))
    found = judged(TOO_LOW, seen)
    assert found is not None
    assert found.sign == "way"
    assert judged(TOO_LOW, replace(seen, trials=tried(sound=short))) is None
    slower = tried(sound=curves(0.75, taken=10), **{"rate-/10": curves(0.9, taken=10)})
    assert judged(TOO_LOW, replace(seen, trials=slower)) is None  # they lie still because they died


@pytest.mark.parametrize("program", [clean, patient, wild])
def test_a_rate_that_is_not_too_low(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("learning-rate-too-low", program, "rate-x10", "rate-x100", "rate-/10") is None


def test_too_few_epochs(suspect: Ask) -> None:
    found = suspect("too-few-epochs", early, "longer")
    assert found is not None
    assert found.evidence["gain"] > 0.35
    assert found.fixes[0].args["factor"] > 1


@pytest.mark.parametrize("program", [clean, brief, still])
def test_epochs_enough(suspect: Ask, program: Callable[[], Parts]) -> None:
    """The last one is far from done, but three times as many epochs would not do either."""
    assert suspect("too-few-epochs", program, "longer") is None


def test_a_batch_too_large(suspect: Ask) -> None:
    found = suspect("batch-too-large", whole, "small-batch")
    assert found is not None
    assert found.evidence["share"] == 1
    assert found.evidence["gain"] > 0.3
    assert found.fixes[0].name == "batch-size"


@pytest.mark.parametrize("program", [clean, smooth, still])
def test_a_batch_that_is_not_too_large(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("batch-too-large", program, "small-batch") is None


def judged(problem: str, seen: Evidence) -> Suspicion | None:
    found: Suspicion | None = problems[problem].make(seen, fitted()[problem].limits)
    return found


def tried(**made: Curves) -> dict[str, Trial]:
    """Trials that went so; `down_100` is a hundredth of the rate, `up_10` ten times."""
    names = {"down": "rate-/", "up": "rate-x"}
    known = {}
    for name, one in made.items():
        way, _, factor = name.partition("_")
        full = names[way] + factor if way in names else name
        known[full] = Trial(edits=(), says="", why_not="", curves=one)
    return known


def test_what_helps_more_than_another_rate(evidence: Make, curves: Make) -> None:
    """Ten times less, or more, helps much; other inputs help far more: it is they that are wrong."""
    base = curves(0.1)
    for problem, rate in ((LR, "down_10"), (TOO_LOW, "up_10")):
        alone = evidence(watched=base, trials=tried(**{rate: curves(0.5)}))
        found = judged(problem, alone)
        assert found is not None
        assert found.sign == "trial"
        beside = evidence(watched=base, trials=tried(**{rate: curves(0.5), "standardised": curves(1.0)}))
        assert judged(problem, beside) is None


@pytest.mark.parametrize(("problem", "rate"), [(LR, "down_100"), (TOO_LOW, "up_100")])
def test_trainings_too_short_for_a_score(evidence: Make, curves: Make, problem: str, rate: str) -> None:
    """Watched for 4 of 40 steps nothing scores yet, but the loss tells."""
    short = curves(0.2, taken=4, train_loss=(1.0, 2.0))
    easier = curves(0.2, taken=4, train_loss=(1.0, 0.05))
    found = judged(problem, evidence(watched=short, initial_constant=1.0, trials=tried(**{rate: easier})))
    assert found is not None
    assert found.sign in ("eased", "trial")
    assert found.fixes[0].args["factor"] == pytest.approx(0.01 if problem == LR else 100)
    alike = tried(**{rate: curves(0.2, taken=4, train_loss=(1.0, 2.0))})
    assert judged(problem, evidence(watched=short, initial_constant=1.0, trials=alike)) is None


def test_a_step_that_undoes_the_one_before(evidence: Make, curves: Make) -> None:
    def look(update: float) -> Look:
        return Look(
            step=1,
            units=(),
            gradients={},
            updates={"a": 0.01, "b": update, "c": None},
            norms={},
            gradient_norm=None,
            noise=None,
        )

    found = judged(LR, evidence(watched=curves(0.1), looks=(look(0.0), look(5.0))))
    assert found is not None
    assert (found.sign, found.where) == ("step", "b")
    assert judged(LR, evidence(watched=curves(0.1), looks=(look(0.0), look(0.01)))) is None
    assert judged(LR, evidence(watched=curves(1.0), looks=(look(0.0), look(5.0)))) is None  # it has learnt all


def test_a_score_that_still_rises_at_the_end(evidence: Make, curves: Make) -> None:
    rising = curves(0.75, valid_score=(0.0, 0.1, 0.2, 0.3, 0.35, 0.75))
    found = judged("too-few-epochs", evidence(watched=rising))
    assert found is not None
    assert found.sign == "rising"
    assert found.evidence["slope"] == pytest.approx(0.4)
    flat = curves(0.75, valid_score=(0.0, 0.5, 0.7, 0.74, 0.75, 0.75))
    assert judged("too-few-epochs", evidence(watched=flat)) is None
    past = curves(0.75, valid_score=(0.0, 0.9, 0.1, 0.2, 0.35, 0.75))
    assert judged("too-few-epochs", evidence(watched=past)) is None  # it was higher before
    lowered = replace(evidence().facts, scheduler="CosineAnnealingLR")
    assert judged("too-few-epochs", evidence(watched=rising, facts=lowered)) is None
    assert judged("too-few-epochs", replace(evidence(watched=rising), watched=replace(rising, taken=20))) is None


def test_epochs_are_not_named_where_another_change_gains_more(evidence: Make, curves: Make) -> None:
    """Of a thousand steps, three times as many gain less than a quarter of what Adam does; of five, they are few."""
    gains = tried(longer=curves(0.25), adam=curves(1.0))
    many, few = (replace(evidence().facts, steps=steps) for steps in (1000, 5))
    assert judged("too-few-epochs", evidence(watched=curves(0.0), trials=gains, facts=many)) is None
    more = tried(longer=curves(0.5), adam=curves(1.0))
    found = judged("too-few-epochs", evidence(watched=curves(0.0), trials=more, facts=few))
    assert found is not None
    assert found.sign == "steps"
    alone = judged("too-few-epochs", evidence(watched=curves(0.0), trials=tried(longer=curves(0.5)), facts=many))
    assert alone is not None
    assert alone.sign == "trial"


def test_small_batches_are_not_too_large_whatever_helps(evidence: Make, curves: Make) -> None:
    gain = tried(**{"small-batch": curves(1.0)})
    large = replace(evidence().facts, batch_size=128)
    assert judged("batch-too-large", evidence(watched=curves(0.1), trials=gain, facts=large)) is not None
    assert judged("batch-too-large", evidence(watched=curves(0.1), trials=gain)) is None
