"""Evidence: what it says of trials, worked out by hand, and that it is read as it was written."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from trainwell.diagnoses.evidence import Evidence, Look, Trial, Unit, load
from trainwell.diagnoses.gather import gather
from trainwell.probes.parts import parts
from trainwell.probes.reference import Reference
from trainwell.probes.training import Curves

Make = Callable[..., Any]

REFERENCE = Reference(
    num_train=160,
    num_valid=80,
    constant=0.25,
    linear=0.75,
    neighbours=0.625,
    forest=0.5,
    best=0.75,
    least_class=0.5,
)


def trial(made: Curves | None, why_not: str = "") -> Trial:
    return Trial(edits=({"edit": "rate", "factor": 0.1},), says="", why_not=why_not, curves=made)


def test_a_gain_is_the_difference_of_the_ends(evidence: Make, curves: Make) -> None:
    trials = {"rate-/10": trial(curves(0.75)), "adam": trial(curves(0.25)), "relu": trial(None, "no activation")}
    seen = evidence(watched=curves(0.5), trials=trials)
    assert (seen.gain("rate-/10"), seen.gain("adam")) == (0.25, -0.25)
    assert seen.gain("relu") is seen.gain("longer") is None
    assert seen.best_gain == 0.25
    assert evidence(trials=trials).gain("adam") is None
    assert evidence(watched=curves(None), trials=trials).gain("adam") is None


def test_short_trials_are_held_against_a_training_as_short(evidence: Make, curves: Make) -> None:
    trials = {"unchanged": trial(curves(0.375)), "adam": trial(curves(0.5)), "longer": trial(curves(0.875))}
    seen = evidence(watched=curves(0.625), trials=trials)
    assert seen.unchanged is trials["unchanged"].curves
    assert seen.gain("adam") == 0.125
    assert seen.gain("longer") == 0.25  # that one is as long as the whole training, and longer
    assert seen.best_gain == 0.125  # of what changes something: not of the training as it is, nor of more of it
    assert evidence(watched=curves(0.625)).unchanged == curves(0.625)


def test_what_eases_counts_as_a_gain_where_trainings_are_too_short_to_score(evidence: Make, curves: Make) -> None:
    trials = {"adam": trial(curves(0.5, taken=4, train_loss=(2.0, 0.5))), "relu": trial(curves(0.75, taken=4))}
    short = curves(0.5, taken=4, train_loss=(2.0, 2.0))
    assert evidence(watched=short, trials=trials, initial_constant=2.0).gain("adam") == 0.75
    assert evidence(watched=short, trials=trials).gain("relu") == 0.25  # no loss to tell by
    whole = curves(0.5, train_loss=(2.0, 2.0))
    assert evidence(watched=whole, trials=trials, initial_constant=2.0).gain("adam") == 0


def test_a_short_trial_gains_no_more_than_the_whole_training_lacks(evidence: Make, curves: Make) -> None:
    """Of simple learners the best reaches 0.75."""
    trials = {
        "unchanged": trial(curves(0.25, train_loss=(1.0, 1.0))),
        "adam": trial(curves(0.75, train_loss=(1.0, 0.5))),
    }
    lacking = evidence(watched=curves(0.625), trials=trials, reference=REFERENCE, initial_constant=1.0)
    assert (lacking.gain("adam"), lacking.eased("adam")) == (0.125, 0.5)
    arrived = evidence(watched=curves(0.875), trials=trials, reference=REFERENCE, initial_constant=1.0)
    assert (arrived.gain("adam"), arrived.eased("adam")) == (0, 0)


def test_a_training_that_broke_scores_what_a_constant_answer_does(evidence: Make, curves: Make) -> None:
    broken = curves(None, broke=7, taken=7)
    seen = evidence(watched=broken, trials={"rate-/10": trial(curves(0.75))}, reference=REFERENCE)
    assert seen.gain("rate-/10") == 0.5
    assert replace(seen, reference=None).gain("rate-/10") is None
    other = evidence(watched=curves(0.5), trials={"rate-x10": trial(broken)}, reference=REFERENCE)
    assert other.gain("rate-x10") == -0.25
    short = {"standardised": trial(curves(0.25, taken=30, train_loss=(2.0, 0.5)))}  # no score yet; the loss falls
    worse = replace(broken, train_loss=(2.0, math.nan))
    eased = evidence(watched=worse, trials=short, reference=REFERENCE, initial_constant=2.0).gain("standardised")
    assert eased == 0.75 + 1.0  # of the loss one explains three quarters; what broke counts as -1


def test_the_shortfall_is_to_the_best_that_is_known(evidence: Make, curves: Make) -> None:
    assert evidence(watched=curves(0.5), reference=REFERENCE).shortfall == 0.25
    better = {"adam": trial(curves(0.875)), "relu": trial(None, "no activation"), "rate-/10": trial(curves(None))}
    assert evidence(watched=curves(0.5), reference=REFERENCE, trials=better).shortfall == 0.375
    assert evidence(watched=curves(0.875), reference=REFERENCE).shortfall == -0.125
    assert evidence(watched=curves(0.5)).shortfall == 0.0
    assert evidence(reference=REFERENCE).shortfall is None
    assert evidence(watched=curves(None), reference=REFERENCE).shortfall is None


def test_what_is_explained_of_the_loss_of_a_constant_answer(evidence: Make, curves: Make) -> None:
    seen = evidence(initial_constant=2.0)
    assert seen.explained(curves(train_loss=(2.0, 0.5))) == 0.75
    assert seen.explained(curves(train_loss=(2.0, 3.0))) == -0.5
    assert seen.explained(curves(train_loss=(2.0, 1e9))) == -1.0
    assert seen.explained(curves(train_loss=(2.0, math.nan))) == -1.0
    assert seen.explained(curves(train_loss=(2.0, math.inf))) == -1.0
    assert seen.explained(curves(train_loss=())) is None
    for unknown in (None, 0.0, -1.0):
        assert evidence(initial_constant=unknown).explained(curves()) is None


def test_eased_is_how_much_more_a_trial_explains(evidence: Make, curves: Make) -> None:
    trials = {"adam": trial(curves(train_loss=(2.0, 0.5))), "rate-x10": trial(curves(train_loss=(2.0, math.nan)))}
    seen = evidence(initial_constant=2.0, watched=curves(train_loss=(2.0, 1.5)), trials=trials)
    assert (seen.eased("adam"), seen.eased("rate-x10")) == (0.5, -1.25)
    assert seen.eased("relu") is None
    beside = trials | {"unchanged": trial(curves(train_loss=(2.0, 1.0)))}
    assert replace(seen, trials=beside).eased("adam") == 0.25
    assert replace(seen, initial_constant=None).eased("adam") is None
    assert replace(seen, watched=None).eased("adam") is None


def test_the_largest_of_a_setting_over_all_groups(evidence: Make) -> None:
    facts = evidence().facts
    assert (facts.lr, facts.largest("beta1"), facts.largest("eps")) == (0.01, 0.875, 1e-8)
    assert facts.largest("momentum") is None


@pytest.fixture(scope="module")
def broken() -> Evidence:
    """Of a real program, whose training breaks."""
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.25), nn.Linear(8, 1))
    given = torch.optim.SGD(model.parameters(), lr=1e6)
    return gather(parts(model, nn.MSELoss(), given, (x, x.sum(1, keepdim=True)), batch_size=20, epochs=4), share=0.5)


def test_it_is_read_as_it_was_written(broken: Evidence, tmp_path: Path) -> None:
    assert broken.watched is not None
    assert not all(map(math.isfinite, broken.watched.train_loss))
    broken.save(tmp_path / "evidence.json")
    again = load(tmp_path / "evidence.json")
    assert repr(again) == repr(broken)  # NaN is not equal to itself
    assert json.dumps(again.json()) == json.dumps(broken.json())
    assert repr(load(broken.json())) == repr(broken)
    assert {type(one) for one in again.looks} == {Look}
    assert again.architecture is not None
    assert [layer.kind for layer in again.architecture.layers] == ["layer", "activation", "dropout", "layer"]


def test_no_number_is_lost(evidence: Make, curves: Make, tmp_path: Path) -> None:
    numbers = (math.nan, math.inf, -math.inf, 1e-320, 0.1 + 0.2)
    unit = Unit(name="a", num_units=3, dead=0.0, flat=None, zeros=1.0, rms=math.inf, between=math.nan)
    look = Look(
        step=3,
        units=(unit,),
        gradients={"w": None, "b": math.nan},
        updates={},
        norms={"w": math.inf},
        gradient_norm=None,
        noise=-math.inf,
    )
    seen = evidence(
        watched=curves(None, train_loss=numbers, broke=3),
        looks=(look, look),
        trials={"adam": trial(curves()), "relu": trial(None, "no activation: nothing to exchange")},
        trial_steps=7,
        unseen=("cut short: inputs",),
    )
    seen.save(tmp_path / "evidence.json")
    assert repr(load(tmp_path / "evidence.json")) == repr(seen)


def test_words_of_a_loss_stay_words_and_numbers_numbers(evidence: Make) -> None:
    again = load(evidence().json())
    assert again.facts.loss_settings == {"reduction": "mean", "label_smoothing": 0.0}
    assert type(again.facts.loss_settings["label_smoothing"]) is float
    assert again.facts == evidence().facts


def test_the_graph_can_be_asked_what_lies_before_what(broken: Evidence) -> None:
    architecture = load(broken.json()).architecture
    assert architecture is not None
    flow = architecture.flow()
    assert [op.name for op in flow.hidden] == ["0"]
    assert [op.kind for op in flow.operations] == [layer.kind for layer in architecture.layers]
    assert flow.outputs == architecture.outputs
