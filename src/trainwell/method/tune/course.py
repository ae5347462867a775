"""The course of a study through its stages, from the checks to the summary."""

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from trainwell.errors import Diverged, Failed, Interrupted
from trainwell.family import Part
from trainwell.method.describe import environment
from trainwell.method.look import Options
from trainwell.method.run import Run
from trainwell.method.screen import Screen
from trainwell.method.tune.again import Reading, merged, read
from trainwell.method.tune.budget import (
    COARSE,
    COARSE_PRUNED,
    RANGE_TEST,
    REFINE,
    REFINE_PRUNED,
    Budget,
    Deal,
    deal,
    final,
    range_test_pays,
    refined,
)
from trainwell.method.tune.ending import Found, conclude
from trainwell.method.tune.folder import STUDY, StudyFolder
from trainwell.method.tune.prepare import Ground, check_ground, rate_line, seconds_of_training
from trainwell.method.tune.ranges import PROBE, RATE, first_proposals, own_proposal, space_of
from trainwell.method.tune.rank import ranked
from trainwell.method.tune.stages import changes_space, finalists, refinement, stage_line, sweep_from, sweep_of
from trainwell.method.tune.summary import counts, trial_line
from trainwell.method.tune.winner import decide, decide_change, own_settings, train_winner
from trainwell.record import DATA, ENVIRONMENT
from trainwell.report.words import counted
from trainwell.search.ledger import CUT, Ledger
from trainwell.search.rate_range import rate_range_of
from trainwell.search.shortened import through
from trainwell.search.space import Space
from trainwell.search.spelled import Asked
from trainwell.search.storage import Mirror
from trainwell.search.study import Outcome, Proposal, Study, Sweep
from trainwell.search.trial import Runner
from trainwell.search.work import Work
from trainwell.training.engine import Engine
from trainwell.training.interrupt import Stop
from trainwell.training.setup import Setup

_STAGE, _DEAL, _CURVES = "stage", "deal", "curves"
_MOST_FIRST = 0.5  # of the coarse trials: settings known to be good
_Made = tuple[Space, Sequence[Proposal], int, float, Sequence[int], str]


class Course:
    """One call of `tune`, holding the folder."""

    def __init__(
        self,
        source: Any,
        folder: StudyFolder,
        ledger: Ledger,
        mirror: Mirror,
        ground: Ground,
        work: Work,
        budget: Budget,
        asked: Sequence[Asked],
        parts: tuple[Part, Part],
        options: Options,
        screen: Screen,
        stop: Stop,
        given: nn.Module | None,
    ) -> None:
        self.source = source
        self.folder, self.ledger, self.ground, self.budget = folder, ledger, ground, budget
        self.asked, self.options, self.screen, self.stop = asked, options, screen, stop
        self.work, self.folds, self.given = work, len(work.folds), given
        self.metric = "score"
        self.outcomes: list[Outcome] = []
        self.told: list[str] = []
        self._number = 0
        self._until = math.inf
        self.whole = 0.0
        self._pruned = parts[1].name != "none"
        self.study = Study(
            ledger=ledger,
            mirror=mirror,
            strategy=parts[0],
            pruner=parts[1],
            seed=ground.recipe.seed,
            edits=ground.finish,
            say=self._say,
            enough=lambda: self.ledger.clock > self._until,
        )

    def begin(self, request: dict[str, Any], setup: Setup, engine: Engine) -> None:
        """Stages 1 and 2: the checks, and the range of rates; what the study is, is then written down."""
        self.metric, self.setup, self.engine = setup.monitor, setup, engine
        done = self.folder.exists
        if not done:
            self.folder.write_json(DATA, self.ground.looked.data.describe() | {"preprocessing": setup.fitted.json()})
            self.folder.write_json(ENVIRONMENT, environment(self.ground.device))
            self.ledger.add("note", format=1, text=self.ground.looked.why)
            if self.options.checks:
                self.ground = check_ground(self.ground, setup, engine, self.ledger, self.screen)
                self.study.edits = self.ground.finish
        setup.recipe = self.work.recipe = self.ground.recipe
        self.space = self._space()  # refuses what cannot be searched, before anything is trained
        known = self.ledger.of(_DEAL)
        if known:
            self.deal = Deal(**{name: known[0][name] for name in Deal.__dataclass_fields__})
            self.whole = known[0]["whole"]
        else:
            self._deal_out()
        content = {"request": request, "budget": vars(self.budget), "source": str(self.ground.looked.data.source)}
        recipes = {"requested": self.ground.requested.json(), "recipe": self.ground.recipe.json()}
        self.folder.write_json(STUDY, content | recipes | {"metric": self.metric})

    def _deal_out(self) -> None:
        """Decide how many trials each stage has; of a budget in time, by how long a training takes."""
        self.whole = 0.0
        if self.budget.seconds is not None:
            with self._stopping("the timing of a training"):
                self.whole = seconds_of_training(self.work, self.stop) * (self.folds or 1)
        before = self.ledger.clock + (RANGE_TEST if self._tests_rates() else 0.0) * self.whole
        self.deal = deal(self.budget, self.whole, before)
        self.ledger.add(_DEAL, **vars(self.deal), whole=self.whole)

    def _space(self) -> Space:
        """What the coarse stage searches."""
        known = self.ledger.of(_STAGE, name="coarse-1")
        if known:
            return Space.from_json(known[0]["space"])
        return space_of(self.ground.recipe, self.asked, self.ground.looked.pinned, rate_line(self.ledger.lines))

    def _tests_rates(self) -> bool:
        """Whether the range of rates is worth a test of its own: there is a range to be found, and a budget for it."""
        known = any(one.key == RATE for one in self.asked) or RATE in self.ground.looked.pinned
        return self.options.checks and not known and range_test_pays(self.budget, self.whole)

    def _rates(self, runner: Runner) -> None:
        """Stage 2: the range of rates, which the coarse stage is centred on."""
        if not self._tests_rates() or self.ledger.of(_STAGE, name="coarse-1") or self.ledger.of("rate", probe=PROBE):
            return
        with self._stopping("the test of rates"):
            found = rate_range_of(self.setup, self.engine, train=through(runner, self.ground.recipe))
        self.ledger.add("rate", **found.json())
        self._tell(f"rates: {found.message}{'' if found.ok else f' {found.advice}'}")
        self.space = self._space()

    def run(self, runner: Runner) -> None:
        """Stages 2 to 6."""
        self._rates(runner)
        self.own = own_proposal(self.space, self.ground.recipe)
        coarse = self._stage("coarse-1", runner, self._coarse)
        refine = self._stage("refine-1", runner, lambda: self._refine(coarse))
        last = self._stage("final-1", runner, lambda: self._finals([*refine, *coarse]))
        winner, words = decide(last, self.ground.noise)
        self._tell(f"decided: {words}")
        run, number = None, 1
        while True:
            reading = self._known_reading(number)
            if reading is None:
                run = self._train(winner) if run is None else run
                reading = self._read(run, number)
            self._tell(f"curves: {reading.words}")
            changes = self._changes(reading, number + 1)
            if not changes:
                break
            number += 1
            better = self._once_more(runner, winner, changes, number)
            if better is not None:
                winner, words, run = *better, None
        run = self._train(winner) if run is None else run
        found = Found(
            source=str(self.ground.looked.data.source),
            metric=self.metric,
            space=self.space,
            outcomes=self.outcomes,
            coarse=coarse,
            winner=winner,
            own=own_settings(last),
            words=words,
            run=run,
            told=self.told,
            cut=[line["stage"] for line in self.ledger.of(CUT)],
            seconds=self.ledger.clock,
            recipe=self.ground.recipe,
        )
        conclude(self.folder, found, self.screen)

    # The stages.

    def _coarse(self) -> _Made:
        share = COARSE_PRUNED if self._pruned else COARSE
        most = max(1, int(_MOST_FIRST * self.deal.coarse))
        suggested = (rate_line(self.ledger.lines) or {}).get("suggestion")
        first = first_proposals(self.space, self.ground.recipe, self.ground.finish, most, suggested)
        why = (
            f"{self.deal.coarse} trials over {self.space.words()}; trainings {share:g} of the full length; "
            f"{counted(len(first), 'setting')} known to be good first"
        )
        return self.space, first, self.deal.coarse, share, self._seeds(1), why

    def _refine(self, coarse: Sequence[Outcome]) -> _Made:
        count = refined(self.deal, self.budget, self.ledger.clock, self._per_whole())
        space, first, why = refinement(self.space, coarse, self.ground.finish, count)
        share = REFINE_PRUNED if self._pruned else REFINE
        words = f"{counted(count, 'trial')}, {why}; trainings {share:g} of the full length"
        return space, first or [self.own], count, share, self._seeds(1), words

    def _finals(self, outcomes: Sequence[Outcome]) -> _Made:
        self.deal = final(self.deal, self.budget, self.ledger.clock, self._per_whole())
        chosen = finalists(self.own, outcomes, self.deal)
        seeds = self._seeds(1 if self.folds else self.deal.seeds)
        over = f"{self.folds} folds" if self.folds else f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"
        others = {1: "", 2: " and the best other"}.get(len(chosen), f" and the best {len(chosen) - 1} others")
        why = f"the recipe's own settings{others} at full length over {over}"
        return self.space, chosen, len(chosen), 1.0, seeds, why

    def _per_whole(self) -> float:
        """Seconds that a training of full length takes, trained as those so far were."""
        took = self.ledger.clock - self.ledger.of(_STAGE, name="coarse-1")[0]["clock"]
        wholes = sum(o.epochs * len(o.results) for o in self.outcomes) / self.ground.recipe.epochs
        return max(1e-9, took / max(wholes, 1e-9))

    def _seeds(self, count: int) -> list[int]:
        return [self.ground.recipe.seed + place for place in range(count)]

    def _stage(self, name: str, runner: Runner, make: Callable[[], _Made]) -> list[Outcome]:
        """Carry out a stage, or what is left of it; it is made once, and written down before it begins."""
        known = self.ledger.of(_STAGE, name=name)
        if known:
            line, why = known[0], known[0]["why"]
            sweep = sweep_from(line, self.ground.steps, self.ground.epochs)
        else:
            space, first, count, share, seeds, why = make()
            sweep = sweep_of(
                name,
                space,
                first,
                count,
                share=share,
                seeds=seeds,
                start=self._number,
                whole_steps=self.ground.steps,
                epochs=self.ground.epochs,
            )
            self.ledger.add(_STAGE, **stage_line(sweep, why, share))
        self._tell(f"{name}: {why}")
        self._number = sweep.start + sweep.count * len(sweep.seeds)
        if name == "coarse-1" and self.budget.seconds is not None:
            self._until = self.budget.seconds - (self.deal.finalists * self.deal.seeds + 1 + REFINE) * self.whole
        found = self._carried_out(sweep, runner)
        self._until = math.inf
        if self.ledger.of(CUT, stage=name):
            self._tell(f"{name}: cut short after {len(found)} of {sweep.count} trials, since the time for it was up")
        states = {outcome.state for outcome in found}
        if not self.outcomes and states == {"failed"}:
            raise Failed(f"{name}: every training failed, the first with: {found[0].results[0].why}")
        if not self.outcomes and states and states <= {"failed", "diverged"}:
            raise Diverged(
                f"{name}: every training diverged or failed, and so would those of the further stages. Search lower "
                "rates (space.optimizer.lr=1e-5..1e-2:log), or ask what is wrong: trainwell fit with --repair."
            )
        best = ranked(found)[0] if found else None
        end = f"; best: {trial_line(best, self.metric)}" if best is not None and best.state == "complete" else ""
        self._tell(f"{name}: {counts(found)}{end}")
        self.outcomes += found
        return found

    def _carried_out(self, sweep: Sweep, runner: Runner) -> list[Outcome]:
        with self._stopping(sweep.name):
            return self.study.carry_out(sweep, runner)

    @contextlib.contextmanager
    def _stopping(self, where: str) -> Iterator[None]:
        """Say, when a signal comes, how to go on."""
        try:
            yield
        except Interrupted as error:
            done = f"Stopped in {where}; what is finished is saved"
            hint = f"Go on with the same command and --out {self.folder.path} --resume."
            if not self.folder.exists:
                done, hint = f"Stopped in {where}", "Nothing was trained yet: start again with the same command."
            raise Interrupted("SIGTERM" if error.exit_code == 143 else "SIGINT", f"{done}. {hint}") from error

    def _train(self, winner: Outcome) -> Run:
        """Train the winner, or go on with that run."""
        with self._stopping("the training of the winner"):
            return train_winner(
                winner,
                self.source,
                self.folder,
                self.ground,
                self.work,
                self.options,
                self.screen,
                self.given,
            )

    def _known_reading(self, number: int) -> Reading | None:
        """What the curves of this round said to an earlier process."""
        known = self.ledger.of(_CURVES, round=number)
        return Reading(known[0]["words"], tuple(known[0]["changes"])) if known else None

    def _read(self, run: Run, number: int) -> Reading:
        """Read the curves of the winner of this round."""
        scores, images = run.verdict["scores"], self.ground.looked.data.kind == "images"
        begun = [line for line in self.ledger.of(_STAGE) if line["name"].startswith("again-")]
        tried = [one["settings"]["change"] for line in begun for one in line["first"]]
        reading = read(run.recipe, scores, run.findings, images=images, tried=tried)
        self.ledger.add(_CURVES, round=number, words=reading.words, changes=list(reading.changes))
        return reading

    def _changes(self, reading: Reading, number: int) -> tuple[str, ...]:
        """The changes that are tried next: as many as the budget pays for, or as it did when they were begun."""
        begun = self.ledger.of(_STAGE, name=f"again-{number}")
        if begun:
            return tuple(one["settings"]["change"] for one in begun[0]["first"])
        left = self._trials_left() if reading.changes else 0
        if reading.changes and left < 1:
            self._tell(f"curves: the budget of {self.budget.words()} is spent, so that no further round is begun")
        return reading.changes[: max(0, left)]

    def _trials_left(self) -> int:
        """Trials at full length that the budget still pays for, with what it takes to prove the best of them."""
        if self.budget.trials is not None:
            return self.budget.trials - sum(1 for o in self.outcomes if not o.stage.startswith("final"))
        assert self.budget.seconds is not None, "a budget is trials or time"
        left = (self.budget.seconds - self.ledger.clock) / self._per_whole()
        return max(0, int(left) - self._final_seeds)

    @property
    def _final_seeds(self) -> int:
        """Seeds that the finalists were trained under."""
        return len(self.ledger.of(_STAGE, name="final-1")[0]["seeds"])

    def _once_more(
        self, runner: Runner, winner: Outcome, changes: Sequence[str], number: int
    ) -> tuple[Outcome, str] | None:
        """Try changes of the winner at full length, prove the best of them; the new winner, if there is one."""
        seeds = self._seeds(self._final_seeds)
        space = changes_space(changes)
        why = f"at full length, since the curves ask for it, the winner with {' | '.join(changes)}"
        first = [Proposal({"change": c}, self._changed(winner, c)) for c in changes]
        tried = self._stage(f"again-{number}", runner, lambda: (space, first, len(first), 1.0, seeds[:1], why))
        best = ranked(tried)[0]
        if best.state != "complete" or best.rank <= replace(winner, results=winner.results[:1]).rank:
            self._tell(f"again-{number}: none of the changes is better than the winner, which stays")
            return None
        if len(seeds) > 1:
            why = f"the best change over {len(seeds)} seeds: {best.proposal.settings['change']}"
            rest = self._stage(f"final-{number}", runner, lambda: (space, [best.proposal], 1, 1.0, seeds[1:], why))
            best = replace(best, results=(*best.results, *rest[0].results))
        better, words = decide_change(best, winner, self.ground.noise)
        self._tell(f"decided: {best.proposal.settings['change']} is {words}")
        return (best, f"{' '.join(best.proposal.edits)}: {words}") if better else None

    def _changed(self, winner: Outcome, change: str) -> tuple[str, ...]:
        return self.ground.finish(merged(winner.proposal.edits, change))

    # What is said.

    def _say(self, outcome: Outcome) -> None:
        self.screen.say(trial_line(outcome, self.metric))

    def _tell(self, text: str) -> None:
        """Say what was decided and why, and write it down."""
        self.screen.say(text)
        self.told.append(text)
        if not self.ledger.of("note", text=text):
            self.ledger.add("note", text=text)
