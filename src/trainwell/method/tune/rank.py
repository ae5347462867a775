"""Ranking: which settings are better, with ties in mind, and when a difference is more than chance."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from trainwell.search.study import Outcome, best_score

_ENOUGH = 1e-12  # differences of rounding


@dataclass(frozen=True)
class Comparison:
    """Two settings compared over pairs of trainings with the same seed.

    Args:
        better: Whether the first is better by more than chance.
        words: By how much, and how that is known.
        mean: Mean difference of the score; above 0 the first is ahead.
        error: Its standard error; None where there is one pair.
    """

    better: bool
    words: str
    mean: float
    error: float | None


def ranked(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The best first: by score, equal ones by validation loss, then in the order they were asked."""
    return sorted(outcomes, key=lambda outcome: (*(_turned(part) for part in outcome.rank), outcome.number))


def compare(first: Outcome, other: Outcome, noise: float) -> Comparison:
    """Whether the first is better than the other, which wins every tie.

    It is where its score is higher by more than the standard error over the pairs, or, where scores are not lower, its
    validation loss is lower by more than that.

    Args:
        first: The one that has to prove itself.
        other: The one that stands.
        noise: Standard error of the difference where there is one pair alone: what samples of this number leave open.
    """
    if first.state != "complete" or other.state != "complete":
        better = first.state == "complete"
        return Comparison(better, f"{(other if better else first).state}", math.nan, None)
    scores = [a - b for a, b in zip(first.values, other.values, strict=True)]
    losses = [b - a for a, b in zip(_losses(first), _losses(other), strict=True)]
    mean, error = _mean_and_error(scores, noise)
    of_loss, loss_error = _mean_and_error(losses, math.inf)
    by_score = mean > max(error, _ENOUGH)
    by_loss = mean >= -_ENOUGH and math.isfinite(of_loss) and of_loss > max(loss_error, _ENOUGH)
    pairs = f"over {len(scores)} pairs" if len(scores) > 1 else "in one pair"
    words = f"{mean:+.4f} ± {error:.4f} {pairs}" if error or len(scores) > 1 else f"{mean:+.4f} {pairs}, error unknown"
    if by_loss and not by_score:
        words += f", and the validation loss is lower by {of_loss:.4f} ± {loss_error:.4f}"
    return Comparison(by_score or by_loss, words, mean, error if len(scores) > 1 else None)


def _losses(outcome: Outcome) -> list[float]:
    return [best_score(result).valid_loss for result in outcome.results]


def _mean_and_error(values: Sequence[float], alone: float) -> tuple[float, float]:
    mean = statistics.fmean(values)
    return mean, statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else alone


def _turned(part: float | bool) -> float:
    return -float(part)
