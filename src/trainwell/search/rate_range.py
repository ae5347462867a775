"""Learning-rate range: every rate gets a whole, shortened training of its own, not one step of a ramp."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from trainwell.errors import BadValue
from trainwell.family import check_value
from trainwell.probes.result import Result
from trainwell.search.shortened import Shortened, Train, here, loss_of
from trainwell.training.engine import Engine, running
from trainwell.training.setup import Setup

Verdict = Literal["found", "edge", "flat", "diverges"]

SHARE = 0.2  # of the full steps: shorter trainings choose rates that are too high for long ones
_DRIFT_SHORT = 0.1  # decades by which the best rate falls with a doubling of the steps, up to SHARE ...
_DRIFT_LONG = 0.03  # ... and above it; both from the development problems of benchmarks/lr_range.py
_PER_DECADE = 4
_STEP = 1 / _PER_DECADE
_FACTOR = 10**1.5  # the first look reaches from about a thirtieth of the recipe's rate to thirty times it
_DOUBLINGS = 3  # from the length of the first look to that of the second
_LEAST_STEPS = 16  # of a shortened training
_ASIDE = 2  # rates on either side of the best of the first look
_WIDENINGS = 2  # at most, where the best of a look lies at its edge
_REAL = 0.005  # share of the loss before training that a change has to come to, to be real
_GOOD = 0.1  # share of the fall that a rate within the interval may miss


@dataclass(frozen=True, kw_only=True)
class RateInterval(Result):
    """Result of `rate_range_of`; a rate is None where nothing of the kind was seen.

    Args:
        verdict: `found`; `edge`, the best is the last that was tried; `flat`, no rate lowers the loss; `diverges`,
            every rate raises it.
        low: From here the loss falls by nine tenths of what it falls at best; within the second look.
        high: Up to here.
        suggestion: The rate for a training of full length.
        spread: Factor between the highest and the lowest rate that a single seed would have chosen.
        cost: Steps taken, as multiple of those of one full training.
        rates: The rates tried, first by length and then by rate.
        shares: The length of each, as share of the full training.
        losses: What each ended with, mean over the seeds; infinite where one diverged.
        start: The loss before training.
    """

    probe: ClassVar[str] = "rate_interval"

    verdict: Verdict
    low: float | None
    high: float | None
    suggestion: float | None
    spread: float | None
    cost: float
    rates: tuple[float, ...]
    shares: tuple[float, ...]
    losses: tuple[float, ...]
    start: float


def rate_range_of(
    setup: Setup,
    engine: Engine,
    *,
    seeds: int = 2,
    low: float | None = None,
    high: float | None = None,
    share: float = SHARE,
    train: Train | None = None,
) -> RateInterval:
    """Train at every rate of a log grid, shortly, and tell which rate to take for the full length.

    The first look gives each of 13 rates, four a decade, an eighth of `share` of the steps; the second gives the best
    of them and two on either side the whole of `share`. Both compress the recipe's warm-up and schedule, and go on
    where the best lies at an edge; where no rate lowers the loss, the first look is taken again with twice the steps.
    The lowest point of the parabola through the best rate of the second look and its neighbours is moved down by what
    the best rate drifts on the way to the full length: 0.03 decades a doubling.

    Costs 2.7 full trainings with two seeds and a fifth of the steps, in proportion to both; more where a full training
    has fewer than 640 steps, since none has fewer than 16. Fused, that takes the time of about one training of a small
    dense network.

    Args:
        setup: A recipe bound to data; neither its weights nor its feeds are changed.
        engine: How to compute.
        seeds: Trainings a rate, on other orders and draws.
        low: Lowest rate of the first look; None takes a thirtieth of the recipe's.
        high: Highest rate; None takes thirty times the recipe's.
        share: Steps of the second look as share of the recipe's, in (0, 1].
        train: How the shortened trainings are done; None trains them in this process, from the setup's weights.

    Raises:
        BadValue: No seeds, a share outside (0, 1], or not 0 < low < high.

    Reference:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, section 3.3, of which this is the long
        form; how far short trainings mislead was measured by benchmarks/lr_range.py.
    """
    check_value("seeds", seeds, int, "[1, inf)")
    check_value("share", share, float, "(0, 1]")
    first = setup.rate / _FACTOR if low is None else low
    last = setup.rate * _FACTOR if high is None else high
    if not 0 < first < last < math.inf:
        raise BadValue(f"low={low!r}, high={high!r} is not possible: expected 0 < low < high.")
    with running(engine):
        start = loss_of(setup, engine.place(setup.model), engine)
        steps = setup.feeds["train"].stream.steps(setup.recipe.epochs)
        least = min(1.0, _LEAST_STEPS / steps)
        grid = _Grid(first, round(_PER_DECADE * math.log10(last / first)) + 1, seeds)
        looks = _looks(train or here(setup, engine), grid, start, max(share, least), least)
    return _interval(looks, grid, start)


@dataclass(frozen=True)
class _Grid:
    """Rates by place: place 0 is the lowest of the first look."""

    lowest: float
    count: int
    seeds: int

    def rate(self, place: float) -> float:
        return self.lowest * 10 ** (place * _STEP)


class _Look:
    """Trainings of one length."""

    def __init__(self, train: Train, grid: _Grid, share: float) -> None:
        self._train, self._grid, self.share = train, grid, share
        self.losses: dict[int, list[float]] = {}  # by place, one a seed

    def add(self, places: Sequence[int]) -> None:
        """Train at these places too."""
        seeds = range(self._grid.seeds)
        found = self._train([Shortened(self._grid.rate(p), seed, self.share) for p in places for seed in seeds])
        self.losses |= {p: found[i * len(seeds) : (i + 1) * len(seeds)] for i, p in enumerate(places)}

    def search(self, places: Sequence[int], more: int) -> None:
        """Train at these places, and at some more where the best of them has no neighbour on one side."""
        self.add(places)
        for _ in range(_WIDENINGS):
            if self.best == min(self.losses):
                self.add(range(self.best - more, self.best))
            elif self.best == max(self.losses):
                self.add(range(self.best + 1, self.best + more + 1))
            else:
                return

    @property
    def means(self) -> dict[int, float]:
        """Mean loss by place, in order."""
        return {place: statistics.fmean(self.losses[place]) for place in sorted(self.losses)}

    @property
    def best(self) -> int:
        """The place of the lowest loss; the lowest place where none is finite."""
        return min(self.means.items(), key=lambda item: item[1])[0]


def _looks(train: Train, grid: _Grid, start: float, share: float, least: float) -> list[_Look]:
    """The looks that were taken: the first, longer ones while no rate lowers the loss, and then the second."""
    looks: list[_Look] = []
    for length in sorted({max(least, share / 2**doublings) for doublings in range(_DOUBLINGS + 1)}):
        looks.append(_Look(train, grid, length))
        looks[-1].search(range(grid.count), _PER_DECADE)
        if _falls(looks[-1], start):
            break
    found = looks[-1]
    if found.share < share and _falls(found, start):
        centre = found.best - round(_drift(found.share, share))
        looks.append(_Look(train, grid, share))
        looks[-1].search(range(centre - _ASIDE, centre + _ASIDE + 1), 1)
    return looks


def _drift(share: float, to: float) -> float:
    """Places by which the best rate falls from trainings of one length to those of another."""
    short = math.log2(min(max(share, SHARE), to) / share) if share < SHARE else 0.0
    long = math.log2(to / max(share, SHARE)) if to > SHARE else 0.0
    return (short * _DRIFT_SHORT + long * _DRIFT_LONG) / _STEP


def _falls(look: _Look, start: float) -> bool:
    """Whether the loss has fallen at the best place: with every seed, and by more than a trace on average."""
    return max(look.losses[look.best]) < start and start - look.means[look.best] > _REAL * abs(start)


def _interval(looks: Sequence[_Look], grid: _Grid, start: float) -> RateInterval:
    look = looks[-1]
    tried = [(grid.rate(place), one.share, loss) for one in looks for place, loss in one.means.items()]
    seen: dict[str, Any] = {
        "cost": sum(one.share * grid.seeds * len(one.losses) for one in looks),
        "rates": tuple(rate for rate, _, _ in tried),
        "shares": tuple(share for _, share, _ in tried),
        "losses": tuple(loss for _, _, loss in tried),
        "start": start,
    }
    if not _falls(look, start):
        return _nothing(look, grid, start, seen)
    drift = _drift(look.share, 1.0)
    means = look.means
    lows, highs = _ends(means, start)
    bottom = _bottom(means)
    by_seed = [_bottom({place: losses[seed] for place, losses in look.losses.items()}) for seed in range(grid.seeds)]
    low, high, suggestion = (grid.rate(place - drift) for place in (min(lows, bottom), max(highs, bottom), bottom))
    spread = grid.rate(max(by_seed)) / grid.rate(min(by_seed))
    at_edge = len(means) > 1 and look.best in (min(means), max(means))
    text = f"train at {suggestion:.2g}, within {low:.2g} to {high:.2g}"
    after = f"after {look.share:.0%} of the steps the loss is {means[look.best]:.4g}, from {start:.4g}"
    apart = "" if grid.seeds == 1 else f"; the seeds are a factor of {spread:.1f} apart"
    edge = "lowest" if look.best == min(means) else "highest"
    return RateInterval(
        ok=not at_edge,
        message=f"{text}: {after}{apart}",
        advice=f"The best rate is the {edge} that was tried: go on from it." if at_edge else "",
        verdict="edge" if at_edge else "found",
        low=low,
        high=high,
        suggestion=suggestion,
        spread=spread,
        **seen,
    )


def _bottom(losses: dict[int, float]) -> float:
    """The lowest point of the parabola through the lowest loss and its neighbours, at most half a place from it."""
    best = min(sorted(losses), key=losses.__getitem__)
    before, here_, after = (losses.get(place, math.inf) for place in (best - 1, best, best + 1))
    if not (math.isfinite(before) or math.isfinite(after)) or not math.isfinite(here_):
        return float(best)
    if not math.isfinite(after):
        return best - (0.5 if best + 1 in losses else 0.0)
    if not math.isfinite(before):
        return best + (0.5 if best - 1 in losses else 0.0)
    bend = before - 2 * here_ + after
    return best if bend <= 0 else best + 0.5 * (before - after) / bend


def _ends(means: dict[int, float], start: float) -> tuple[float, float]:
    """The places between which the loss has fallen by all but a tenth of what it fell at best."""
    places = list(means)
    losses = np.minimum(np.array(list(means.values())), 2 * abs(start) + start)
    best = int(np.argmin(losses))
    bound = losses[best] + _GOOD * (start - losses[best])
    ends = []
    for step in (-1, 1):
        at = best
        while 0 <= at + step < len(places) and losses[at + step] <= bound:
            at += step
        if 0 <= at + step < len(places):
            inside = (bound - losses[at]) / (losses[at + step] - losses[at])
            ends.append(places[at] + step * float(inside))
        else:
            ends.append(float(places[at]))
    return ends[0], ends[1]


def _nothing(look: _Look, grid: _Grid, start: float, seen: dict[str, Any]) -> RateInterval:
    lowest, highest = grid.rate(min(look.losses)), grid.rate(max(look.losses))
    tried = f"with rates from {lowest:.2g} to {highest:.2g}, {look.share:.0%} of the steps each"
    if min(look.losses[look.best]) - start > _REAL * abs(start):
        message = f"every rate raises the loss above its {start:.4g} before training, {tried}"
        advice = (
            "The rate is not the problem, or the rates are far too high: look at the scale of inputs and targets, at "
            "the initialisation, and at whether the optimizer goes down the gradient; or start lower."
        )
        verdict: Verdict = "diverges"
    else:
        message = f"no rate lowers the loss below its {start:.4g} before training, {tried}"
        advice = (
            "The rate is not the problem: look at the initialisation, at saturated, dead or frozen units, and at "
            "whether the targets can be learnt from the inputs."
        )
        verdict = "flat"
    return RateInterval(
        ok=False,
        message=message,
        advice=advice,
        verdict=verdict,
        low=None,
        high=None,
        suggestion=None,
        spread=None,
        **seen,
    )
