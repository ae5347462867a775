"""How a training went, against what is possible on its samples."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.gather import gather
from trainwell.diagnoses.outcome import learnt, missing, shortfall
from trainwell.probes.parts import parts


def seen(lr: float) -> Evidence:
    """Two classes, told by the sign of one of three features."""
    torch.manual_seed(0)
    x = torch.randn(120, 3)
    y = (x[:, 0] > 0).long()
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    nn.init.zeros_(model[2].weight)  # it starts with the loss of a constant answer
    given = torch.optim.SGD(model.parameters(), lr=lr)
    return gather(parts(model, nn.CrossEntropyLoss(), given, (x, y), (x, y), batch_size=20, epochs=5))


@pytest.fixture(scope="module")
def crawling() -> Evidence:
    """A training at a rate so low that nothing is learnt."""
    return seen(lr=1e-3)


def test_shortfall_is_what_simple_learners_and_trials_have_more(crawling: Evidence) -> None:
    assert crawling.watched is not None and crawling.reference is not None
    short = shortfall(crawling)
    assert short is not None
    assert short >= crawling.reference.best - crawling.watched.end > 0.2


def cut(evidence: Evidence, **changed: object) -> Evidence:
    """The same, as if ten times as many steps had been planned."""
    assert evidence.watched is not None
    curves = replace(evidence.watched, planned=10 * evidence.watched.planned)
    return replace(evidence, watched=curves, **changed)  # type: ignore[arg-type]


def test_a_training_cut_short_is_held_against_its_trials_only() -> None:
    learning = seen(lr=0.1)
    one = cut(learning, trials={"rate-x10": learning.trials["rate-x10"]})
    assert shortfall(cut(learning, trials={})) is None
    assert shortfall(one) == one.gain("rate-x10")


def test_a_training_cut_short_that_learns_nothing_is_held_against_the_reference(crawling: Evidence) -> None:
    assert crawling.watched is not None and crawling.reference is not None
    short = crawling.reference.best - crawling.watched.end  # type: ignore[operator]
    assert shortfall(cut(crawling, trials={})) == pytest.approx(short)


def test_what_nearly_every_trial_gains_is_no_news(crawling: Evidence) -> None:
    best = max(crawling.trials, key=lambda name: crawling.gain(name) or 0.0)
    gained = crawling.gain(best)
    assert gained is not None and gained > 0.2
    none = dict.fromkeys(("a", "b", "c", "d"), crawling.trials["rate-/10"])
    all_of_them = dict.fromkeys(("a", "b", "c", "d"), crawling.trials[best])
    one = {best: crawling.trials[best]}
    assert missing(replace(crawling, trials=one), best) == gained
    assert missing(replace(crawling, trials=one | none), best) == pytest.approx(gained)
    assert missing(replace(crawling, trials=one | all_of_them), best) == 0.0


def test_without_the_trial_the_shortfall_stands_for_it(crawling: Evidence) -> None:
    assert missing(replace(crawling, trials={}), "rate-x10") == shortfall(replace(crawling, trials={}))


def test_learnt_counts_from_the_constant_answer(crawling: Evidence) -> None:
    assert crawling.watched is not None and crawling.reference is not None
    constant = crawling.reference.constant
    half = replace(crawling, watched=replace(crawling.watched, end=(1 + constant) / 2))
    assert learnt(half) == pytest.approx(0.5)
    assert learnt(replace(crawling, watched=None)) is None
    by_counts = replace(half, reference=None)
    assert by_counts.targets is not None and by_counts.watched is not None
    most = by_counts.targets.parts[0].majority
    assert most is not None
    assert learnt(by_counts) == pytest.approx((by_counts.watched.end - most) / (1 - most))
