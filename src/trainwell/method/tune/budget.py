"""The budget: what a person gives, in trials or in time, and how it is dealt out to the stages.

Time is turned into numbers of trials where a stage begins, and the numbers are written down, so that what a study finds
does not hang on the clock from then on.
"""

import re
from dataclasses import dataclass, replace

from trainwell.errors import BadValue
from trainwell.report.words import duration

COARSE, REFINE = 0.25, 0.5  # lengths of a training, as shares of a whole one ...
COARSE_PRUNED, REFINE_PRUNED = 0.5, 0.75  # ... and where those that do badly are given up on the way
LEAST_SHARE = 0.2  # shorter trainings favour rates that are too high
FEWEST = 4  # trials of a search
USUAL = 30  # trials where nothing is said
_MOST_COARSE, _MOST_REFINE = 64, 32
_COARSE_OF_TRIALS, _REFINE_OF_TRIALS = 0.6, 0.25
_COARSE_OF_TIME, _REFINE_OF_TIME = 0.55, 0.35
_FINALS = ((3, 3), (2, 3), (2, 2), (2, 1))  # finalists and seeds, the most that the time pays for
_FINALS_SHARE = 0.6  # of the time, at most
RANGE_TEST = 2.7  # whole trainings that the test of rates costs
_TESTING_TRIALS, _TESTING_WHOLES = 12, 18.0  # from so many trials or whole trainings on it is worth that
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Budget:
    """What may be spent: trials of the search, or seconds; one of the two."""

    trials: int | None
    seconds: float | None

    def words(self) -> str:
        """The budget in words."""
        return f"{self.trials} trials" if self.seconds is None else duration(self.seconds)


@dataclass(frozen=True)
class Deal:
    """How a budget is dealt out.

    Args:
        coarse: Trials of the coarse stage.
        refine: Trials of the refined one.
        finalists: Settings that are trained at full length, the recipe's own among them.
        seeds: Seeds of each finalist.
    """

    coarse: int
    refine: int
    finalists: int
    seeds: int


def read_budget(trials: int | None, budget: str | None) -> Budget:
    """The budget from what was given; the usual number of trials where nothing was.

    Args:
        trials: Number of trials of the search.
        budget: Time, with units: `90s`, `30m`, `1h30m`.

    Raises:
        BadValue: Both, too few trials, no time.
    """
    if trials is not None and budget is not None:
        raise BadValue("--trials and --budget are two ways to say how long: give one of them.")
    if budget is None:
        if trials is not None and trials < FEWEST:
            raise BadValue(
                f"--trials {trials} is too few, a search needs {FEWEST}. For a single training take 'trainwell fit'."
            )
        return Budget(USUAL if trials is None else trials, None)
    text = budget.strip().lower()
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        raise BadValue(f"--budget {budget} is no time: expected a number with a unit, for example 90s, 30m or 1h30m.")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)([smhd])", text))
    if seconds <= 0:
        raise BadValue(f"--budget {budget} is empty: expected more than nothing, for example 30m.")
    return Budget(None, seconds)


def budget_to_go_on(before: Budget, trials: int | None, budget: str | None) -> Budget:
    """The budget of a study that goes on: as it was where nothing is given, or a larger one of the same kind.

    Args:
        before: As it was.
        trials: See `read_budget`.
        budget: See `read_budget`.

    Raises:
        BadValue: A smaller budget, or trials where there was time, or what `read_budget` refuses.
    """
    if trials is None and budget is None:
        return before
    now = read_budget(trials, budget)
    if (now.trials is None) != (before.trials is None):
        option = "--trials" if before.seconds is None else "--budget"
        raise BadValue(f"The study was started with a budget of {before.words()}. Go on with it by {option}.")
    if (now.trials or 0) < (before.trials or 0) or (now.seconds or 0.0) < (before.seconds or 0.0):
        raise BadValue(
            f"The study has a budget of {before.words()}, which may grow and not shrink to {now.words()}. Give as much "
            "or more, or nothing for the same."
        )
    return now


def range_test_pays(budget: Budget, whole: float) -> bool:
    """Whether the budget is large enough for a test of rates with trainings of its own.

    Args:
        budget: What there is.
        whole: Seconds that a training of full length is expected to take.
    """
    if budget.trials is not None:
        return budget.trials >= _TESTING_TRIALS
    return (budget.seconds or 0.0) >= _TESTING_WHOLES * whole


def deal(budget: Budget, whole: float, before: float) -> Deal:
    """Deal a budget out.

    Args:
        budget: What there is.
        whole: Seconds that a training of full length is expected to take.
        before: Seconds that are spent by the time the search begins.

    Raises:
        BadValue: The time does not pay for the least that a search needs.
    """
    if budget.trials is not None:
        coarse = max(2, round(_COARSE_OF_TRIALS * budget.trials))
        return Deal(coarse, max(1, round(_REFINE_OF_TRIALS * budget.trials)), *_FINALS[0])
    assert budget.seconds is not None, "a budget is trials or time"
    wholes = (budget.seconds - before) / whole
    least = 2 * COARSE + REFINE + _final_cost(*_FINALS[-1])
    if wholes < least:
        raise BadValue(
            f"--budget {duration(budget.seconds)} is too little: one training takes about {duration(whole)} here, and "
            f"a search needs at least {least:g} of them, {duration(least * whole + before)} in all. "
            "Give more, fewer epochs=, or take 'trainwell fit'."
        )
    affordable = [pair for pair in _FINALS if _final_cost(*pair) <= _FINALS_SHARE * wholes]
    finalists, seeds = affordable[0] if affordable else _FINALS[-1]
    left = wholes - _final_cost(finalists, seeds)
    coarse = int(min(_MOST_COARSE, max(2, _COARSE_OF_TIME * left / COARSE)))
    refine = int(min(_MOST_REFINE, max(1, _REFINE_OF_TIME * left / REFINE)))
    return Deal(coarse, refine, finalists, seeds)


def refined(dealt: Deal, budget: Budget, spent: float, per_whole: float) -> int:
    """Trials of the refined stage, now that it is known how fast trials are trained.

    Args:
        dealt: As it was dealt out before.
        budget: What there is.
        spent: Seconds spent so far.
        per_whole: Seconds that a training of full length took, trained as those of the coarse stage were.
    """
    if budget.seconds is None:
        return dealt.refine
    left = budget.seconds - spent - _final_cost(dealt.finalists, dealt.seeds) * per_whole
    return int(min(_MOST_REFINE, max(1, _REFINE_OF_TIME / (1 - _COARSE_OF_TIME) * left / (REFINE * per_whole))))


def final(dealt: Deal, budget: Budget, spent: float, per_whole: float) -> Deal:
    """Finalists and seeds, now that it is known what is left: no fewer than were dealt out before.

    Args:
        dealt: As it was dealt out before.
        budget: What there is.
        spent: Seconds spent so far.
        per_whole: As in `refined`.
    """
    if budget.seconds is None:
        return dealt
    for finalists, seeds in _FINALS:
        if _final_cost(finalists, seeds) * per_whole <= budget.seconds - spent:
            return replace(dealt, finalists=max(finalists, dealt.finalists), seeds=max(seeds, dealt.seeds))
    return dealt


def _final_cost(finalists: int, seeds: int) -> float:
    """Whole trainings from the final stage on, with that of the run at the end."""
    return finalists * seeds + 1.0
