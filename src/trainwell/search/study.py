"""A study: proposals asked of a strategy, trained by a runner, judged by a pruner, and written down.

What is true of a study is its ledger. A proposal is written there before it is trained and a result when it is in, so
that a study which was killed goes on: what is finished is not trained again, what was under way is.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.study import Study as OptunaStudy
from optuna.trial import Trial as OptunaTrial
from optuna.trial import TrialState

from trainwell.draws import key
from trainwell.family import Part
from trainwell.search.ledger import ASKED, CUT, TRIAL, Ledger, result_line, result_of
from trainwell.search.pruners import Length, pruners
from trainwell.search.race import Race
from trainwell.search.space import Settings, Space
from trainwell.search.storage import Mirror, frozen, in_memory, quiet
from trainwell.search.strategies import Turn, strategies
from trainwell.search.trial import Result, Runner, Score, State, Trial


@dataclass(frozen=True)
class Proposal:
    """Settings to be tried, and the edits of the recipe that make them; none are the recipe's own."""

    settings: Settings
    edits: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a stage tries.

    Args:
        name: Of this stage alone: `coarse-1`.
        space: What is searched.
        count: Proposals in all, the first ones among them.
        epochs: Edits of a proposal -> passes over the training split.
        steps: Steps of a training of usual length.
        least: Steps of such a one before which none is given up; of others the same share.
        seeds: Each proposal is trained under each of these.
        first: Proposals that come before those of the strategy.
        start: Number of the first training.
        prunes: Whether the pruner is asked; not where every training has to be seen to its end.
    """

    name: str
    space: Space
    count: int
    epochs: Callable[[tuple[str, ...]], float]
    steps: int
    least: int
    seeds: tuple[int, ...]
    first: tuple[Proposal, ...]
    start: int
    prunes: bool = True


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a proposal.

    Args:
        number: Of its first training.
        stage: Name of the sweep.
        proposal: What was tried.
        results: One for each seed, in their order.
        epochs: Length of a training.
    """

    number: int
    stage: str
    proposal: Proposal
    results: tuple[Result, ...]
    epochs: float

    @property
    def state(self) -> State:
        """`complete` where all trainings are, else what became of the first that is not."""
        return next((result.state for result in self.results if result.state != "complete"), "complete")

    @property
    def values(self) -> list[float]:
        """The value of each seed, or, where there is one alone, of each fold."""
        folds = self.results[0].folds
        return (
            list(folds) if len(self.results) == 1 and folds else [r.value for r in self.results if r.value is not None]
        )

    @property
    def value(self) -> float | None:
        """Mean of the best scores over the seeds; None where one has none."""
        known = [result.value for result in self.results if result.value is not None]
        return statistics.fmean(known) if len(known) == len(self.results) else None

    @property
    def spread(self) -> float | None:
        """Standard deviation over the seeds or folds; None where there is one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    @property
    def valid_loss(self) -> float:
        """Mean over the seeds of the validation loss where the score is best; infinite where there is none."""
        losses = [best_score(result).valid_loss for result in self.results if result.scores]
        return statistics.fmean(losses) if losses and all(map(math.isfinite, losses)) else math.inf

    @property
    def seconds(self) -> float:
        """Time that the trainings took."""
        return sum(result.seconds for result in self.results)

    @property
    def rank(self) -> tuple[bool, float, float]:
        """Higher is better: complete ones before pruned ones, then by value, then by validation loss."""
        value = -math.inf if self.value is None else self.value
        return (self.state == "complete", value, -self.valid_loss)


def best_score(result: Result) -> Score:
    """The score that counts: the best, and of equal ones that of lower validation loss."""
    finite = [score for score in result.scores if math.isfinite(score.value)] or list(result.scores)
    return max(finite, key=lambda score: (score.value, -score.valid_loss))


@dataclass
class Study:
    """Carries out sweeps.

    Args:
        ledger: What was asked and found.
        mirror: Where Optuna finds it.
        strategy: How settings are proposed.
        pruner: Which trainings are given up.
        seed: Of the proposals.
        edits: Settings' edits -> those that follow from them added.
        say: Told of every outcome.
        enough: Asked before each new proposal: whether to stop here, since the time is up.
    """

    ledger: Ledger
    mirror: Mirror
    strategy: Part
    pruner: Part
    seed: int
    edits: Callable[[tuple[str, ...]], tuple[str, ...]]
    say: Callable[[Outcome], None]
    enough: Callable[[], bool]

    def carry_out(self, sweep: Sweep, runner: Runner) -> list[Outcome]:
        """Train what is left of a sweep; gives all of its outcomes, those of an earlier process too, by number."""
        work = _Work(self, sweep)
        for result in runner.run(work, work.judge):
            work.take(result)
        return [work.outcomes[place] for place in sorted(work.outcomes)]


class _Work:
    """A sweep in progress: an iterator of its trials, and where their results go."""

    def __init__(self, study: Study, sweep: Sweep) -> None:
        self.study, self.sweep = study, sweep
        self.outcomes: dict[int, Outcome] = {}
        self._proposals: list[Proposal] = []
        self._asked: dict[int, OptunaTrial] = {}
        self._live: OptunaStudy = in_memory()
        pruner = study.pruner if sweep.prunes else pruners.resolve("none")
        self._races = [Race(pruner, Length(steps=sweep.steps, least=sweep.least)) for _ in sweep.seeds]
        self._trials: dict[int, Trial] = {}
        self._results: dict[int, dict[int, Result]] = {}
        for line in study.ledger.of(ASKED, stage=sweep.name):
            self._note(Proposal(line["settings"], tuple(line["edits"])))
        for line in study.ledger.of(TRIAL, stage=sweep.name):
            self._keep(result_of(line))
        self._iterator = self._ahead()

    def __iter__(self) -> Iterator[Trial]:
        return self._iterator

    def __length_hint__(self) -> int:
        done = sum(len(results) for results in self._results.values())
        return max(0, self.sweep.count * len(self.sweep.seeds) - done)

    def _ahead(self) -> Iterator[Trial]:
        """The trainings that are left: of the same seed one after another, so that a cut leaves pairs."""
        for place in range(len(self.sweep.seeds)):
            number = 0
            while number < len(self._proposals) or self._more():
                if place not in self._results.get(number, {}):
                    yield self._trial(number, place)
                number += 1

    def _more(self) -> bool:
        """Ask for one more proposal; whether there is one."""
        number, sweep, study = len(self._proposals), self.sweep, self.study
        if number >= sweep.count or study.ledger.of(CUT, stage=sweep.name):
            return False
        if number and study.enough():
            study.ledger.add(CUT, stage=sweep.name)
            return False
        if number < len(sweep.first):
            proposal = sweep.first[number]
        else:
            settings = self._suggested(number)
            if settings is None:
                return False
            proposal = Proposal(settings, study.edits(sweep.space.edits(settings)))
        study.ledger.add(ASKED, stage=sweep.name, number=self._number(number, 0), **_plain(proposal))
        self._note(proposal)
        return True

    def _suggested(self, number: int) -> Settings | None:
        """What the strategy proposes; None where it has nothing left."""
        first = len(self.sweep.first)
        turn = Turn(
            space=self.sweep.space,
            number=number - first,
            count=self.sweep.count - first,
            seed=key(self.study.seed, self.sweep.name),
        )
        with quiet():
            sampler = strategies.build(self.study.strategy, turn)
            if sampler is None:
                return None
            self._live.sampler = sampler
            asked = self._live.ask()
            self._asked[number] = asked
            return self.sweep.space.suggest(asked)

    def _note(self, proposal: Proposal) -> None:
        """Take a proposal in, so that the strategy knows it is under way."""
        number, space = len(self._proposals), self.sweep.space
        self._proposals.append(proposal)
        if number not in self._asked and space.holds(proposal.settings):
            with quiet():
                self._live.enqueue_trial(dict(proposal.settings))
                self._asked[number] = self._live.ask()
                space.suggest(self._asked[number])

    def _number(self, number: int, place: int) -> int:
        return self.sweep.start + number * len(self.sweep.seeds) + place

    def _trial(self, number: int, place: int) -> Trial:
        edits = self._proposals[number].edits
        trial = Trial(
            number=self._number(number, place),
            edits=edits,
            seed=self.sweep.seeds[place],
            epochs=self.sweep.epochs(edits),
            stage=self.sweep.name,
        )
        self._trials[trial.number] = trial
        self._races[place].enter(trial.number, trial.epochs)
        return trial

    def judge(self, trial: Trial, score: Score) -> bool:
        """Whether a training goes on."""
        return self._races[(trial.number - self.sweep.start) % len(self.sweep.seeds)].goes_on(trial.number, score)

    def take(self, result: Result) -> None:
        """Write a result down; say the outcome where it was the last of its proposal."""
        trial = self._trials[result.number]
        self.study.ledger.add(
            TRIAL, stage=self.sweep.name, edits=list(trial.edits), seed=trial.seed, epochs=trial.epochs,
            **result_line(result),
        )  # fmt: skip
        outcome = self._keep(result)
        if outcome is not None:
            self.study.say(outcome)

    def _keep(self, result: Result) -> Outcome | None:
        """Take a result in; the outcome where it was the last of its proposal."""
        number, place = divmod(result.number - self.sweep.start, len(self.sweep.seeds))
        epochs = self.sweep.epochs(self._proposals[number].edits)
        self._races[place].end(result, epochs)
        held = self._results.setdefault(number, {})
        held[place] = result
        if len(held) < len(self.sweep.seeds):
            return None
        outcome = Outcome(
            number=self._number(number, 0),
            stage=self.sweep.name,
            proposal=self._proposals[number],
            results=tuple(held[place] for place in sorted(held)),
            epochs=epochs,
        )
        self.outcomes[number] = outcome
        self._tell(number, outcome)
        return outcome

    def _tell(self, number: int, outcome: Outcome) -> None:
        """Let the strategy know, and Optuna's storage."""
        asked = self._asked.get(number)
        if asked is not None:
            with quiet():
                if outcome.state == "complete":
                    self._live.tell(asked, outcome.value)
                elif outcome.state == "failed":
                    self._live.tell(asked, state=TrialState.FAIL)
                else:
                    for score in outcome.results[0].scores if outcome.state == "pruned" else ():
                        asked.report(score.value, score.step)
                    self._live.tell(asked, state=TrialState.PRUNED)
        facts: dict[str, Any] = {"number": outcome.number, "edits": " ".join(outcome.proposal.edits)}
        facts |= {"epochs": outcome.epochs, "how": outcome.results[0].how}
        facts |= {"values": outcome.values} if len(outcome.values) > 1 else {}
        facts |= {"why": outcome.results[0].why} if outcome.results[0].why else {}
        loss = {"valid_loss": outcome.valid_loss} if math.isfinite(outcome.valid_loss) else {}
        self.study.mirror.add(
            self.sweep.name,
            outcome.number,
            frozen(
                self.sweep.space,
                outcome.proposal.settings,
                outcome.state,
                outcome.value,
                outcome.results[0].scores,
                outcome.seconds,
                **facts,
                **loss,
            ),
        )


def _plain(proposal: Proposal) -> Mapping[str, Any]:
    return {"settings": dict(proposal.settings), "edits": list(proposal.edits)}
