"""Ranking with ties, and when a difference is more than chance."""

import math

from trainwell.method.tune.rank import compare, ranked
from trainwell.search.study import Outcome, Proposal
from trainwell.search.trial import Result, Score, State


def outcome(number: int, values: list[float], losses: list[float] | None = None, state: State = "complete") -> Outcome:
    losses = losses or [1.0] * len(values)
    results = tuple(
        Result(
            number=number,
            state=state,
            value=None if state == "diverged" else value,
            scores=(Score(step=1, epoch=1.0, value=value, train_loss=1.0, valid_loss=loss),),
            seconds=0.0,
            how="in turn",
        )
        for value, loss in zip(values, losses, strict=True)
    )
    return Outcome(number=number, stage="final-1", proposal=Proposal({}, ()), results=results, epochs=1.0)


def test_equal_scores_go_by_validation_loss_and_then_by_number() -> None:
    order = ranked(
        [
            outcome(4, [0.9], [0.5]),
            outcome(3, [0.9], [0.4]),
            outcome(2, [0.9], [0.4]),
            outcome(1, [0.95], state="pruned"),
            outcome(0, [0.99], state="diverged"),
        ]
    )
    assert [one.number for one in order] == [2, 3, 4, 1, 0]


def test_better_than_the_standard_error_over_pairs() -> None:
    own = outcome(0, [0.90, 0.91, 0.92])
    sure, unsure = outcome(1, [0.93, 0.93, 0.95]), outcome(2, [0.99, 0.89, 0.91])
    assert compare(sure, own, 0.0).better
    found = compare(unsure, own, 0.0)  # +0.09 -0.02 -0.01: mean 0.02, standard error 0.035
    assert not found.better and math.isclose(found.mean, 0.02) and found.error is not None
    assert math.isclose(found.error, 0.0351, abs_tol=1e-4)
    assert not compare(own, own, 0.0).better  # what stands wins ties


def test_a_tie_is_broken_by_the_loss() -> None:
    own = outcome(0, [0.9, 0.9, 0.9], [0.50, 0.51, 0.52])
    assert compare(outcome(1, [0.9, 0.9, 0.9], [0.40, 0.42, 0.41]), own, 0.0).better
    assert not compare(outcome(1, [0.9, 0.9, 0.9], [0.40, 0.42, 0.99]), own, 0.0).better
    worse = outcome(1, [0.89, 0.89, 0.89], [0.1, 0.1, 0.1])
    assert not compare(worse, own, 0.0).better


def test_one_pair_has_to_beat_the_noise_of_the_samples() -> None:
    own, other = outcome(0, [0.90]), outcome(1, [0.93])
    assert compare(other, own, 0.02).better and not compare(other, own, 0.05).better
    assert compare(other, own, 0.02).words == "+0.0300 ± 0.0200 in one pair"
    assert compare(other, own, 0.0).words == "+0.0300 in one pair, error unknown"  # of a loss samples say nothing


def test_what_diverged_never_wins_and_always_loses() -> None:
    good, bad = outcome(0, [0.5, 0.5]), outcome(1, [0.9, 0.9], state="diverged")
    assert compare(good, bad, 0.0).better and not compare(bad, good, 0.0).better
