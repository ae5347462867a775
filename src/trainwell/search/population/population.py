"""The population: K trainings, one step at a time for all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainwell.clippings import clippings
from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.optimizers import optimizers
from trainwell.search.population.averaging import Averaging
from trainwell.search.population.batches import Batches
from trainwell.search.population.fusable import fusable
from trainwell.search.population.layers import Pass
from trainwell.search.population.member import Member
from trainwell.search.population.network import Network, dimensions
from trainwell.search.population.objectives import Objective
from trainwell.search.population.scoring import no_score, score
from trainwell.search.population.signals import placed
from trainwell.search.population.stacks import Stacks
from trainwell.search.population.stepping import Clipper, Stepper
from trainwell.search.trial import Score
from trainwell.training.engine import Engine
from trainwell.training.setup import Setup

_LATE_BY = 20  # steps by which a loss that is not finite may be seen late where seeing it earlier waits for a GPU


@dataclass(frozen=True)
class _Rest:
    """A member whose training has ended and that is still to be scored: its weights, and its losses since the last."""

    weights: dict[str, Tensor]
    losses: float


class Population:
    """Many trainings of one shape, done together; each gives what `training.loop.Trainer` gives for its setup.

    The same draws, order of samples, schedule, clipping, average and choice of the best weights. Sums are taken in
    another order, so that weights agree up to rounding, which a training carries on: to 2e-5 over the short trainings
    of the tests. It is carried on further where rounding decides: at rates that nearly diverge, in a max pooling
    between equal values, and where Adam makes a whole step of a gradient that is nothing but rounding. Nothing is
    measured, and no training scores are taken. The models of the setups stay as they are.

    Args:
        setups: What is trained; see `fusable`.
        engine: How to compute: fp32, not compiled. Run everything within `running(engine)`.

    Raises:
        BadValue: They cannot be trained together, or not by this engine.
    """

    def __init__(self, setups: Sequence[Setup], engine: Engine) -> None:
        if engine.precision != "fp32" or engine.compile:
            raise BadValue(f"A population is trained in fp32 and not compiled, got an engine of {engine.text()}.")
        _refuse(setups)
        self.engine = engine
        self.step = 0
        self.members = [Member.of(setup) for setup in setups]
        self._pattern = setups[0]
        self._resting: dict[int, _Rest] = {}  # by identity of the member
        self._stacks = Stacks([setup.model for setup in setups], engine.device)
        self._losses = torch.zeros(len(setups), device=engine.device)  # sums since the last score, by row
        self._bind(list(self.members), [{} for _ in setups])

    def join(self, setups: Sequence[Setup]) -> None:
        """Let trainings join, behind the others; each starts at its own first step.

        Raises:
            BadValue: They do not fit the members.
        """
        _refuse([self._pattern, *setups])
        if not setups:
            return
        joining = [Member.of(setup) for setup in setups]
        before = self._averaging.rows(len(self._rows))
        self._stacks.extend(Stacks([setup.model for setup in setups], self.engine.device))
        self._losses = torch.cat((self._losses, self._losses.new_zeros(len(joining))))
        self.members += joining
        self._bind(self._rows + joining, [*before, *({} for _ in joining)])

    def leave(self, indices: Sequence[int]) -> None:
        """Take members out; those behind them move up."""
        leaving = {id(self.members[index]) for index in indices}
        self.members = [member for member in self.members if id(member) not in leaving]
        self._keep([row for row, member in enumerate(self._rows) if id(member) not in leaving])
        self._resting = {key: state for key, state in self._resting.items() if key not in leaving}

    @property
    def steps_to_score(self) -> int:
        """Steps until the next member is to be scored; 0 where all have ended."""
        ahead = [min(end for end in m.plan.epoch_steps if end > m.step) - m.step for m in self._rows if not m.finished]
        return min(ahead, default=0)

    def advance(self, steps: int = 1, rates: Tensor | None = None) -> Tensor:
        """Train every member that has not ended.

        Args:
            steps: How many steps.
            rates: Rate of each member, (K,), instead of that of its recipe and schedule.

        Returns:
            Training loss of each member at the last of these steps, (K,); NaN for one that took no part in it.
        """
        losses = torch.full((len(self.members),), math.nan, device=self.engine.device)
        for step in range(steps):
            if self._left == 0:
                self._rest()
            if not self._rows:
                break
            found = self._advance(None if rates is None else rates[self._places].tolist())
            if step == steps - 1:
                losses[self._places] = found
            self._watch(found)
        return losses

    def scores(self) -> list[Score | None]:
        """Scores of the members that stand where their plan has one and were not scored there; None for the others.

        The best weights of each are kept here, and patience ends a training.

        Raises:
            BadValue: There is no validation split.
        """
        self._look()
        found: dict[int, Score] = {}
        for member in self.members:
            if member.diverged and member.due:
                found[id(member)] = no_score(member)
                member.add(found[id(member)])
        rows = [row for row, member in enumerate(self._rows) if member.due]
        if rows:
            index = torch.tensor(rows, device=self.engine.device)
            with self._averaging.applied():
                weights = self._stacks.by_name()
                bound = (self._network, self._objective) if len(rows) == len(self._rows) else None
                if len(rows) < len(self._rows):
                    weights = {name: value.index_select(0, index) for name, value in weights.items()}
                found |= score(
                    [self._rows[row] for row in rows], weights, self._losses[index].tolist(), self.engine, bound
                )
            self._losses[index] = 0.0
        resting = [member for member in self.members if id(member) in self._resting]
        if resting:
            states = [self._resting.pop(id(member)) for member in resting]
            weights = {name: torch.stack([s.weights[name] for s in states]) for name in states[0].weights}
            found |= score(resting, weights, [state.losses for state in states], self.engine)
            for member, state in zip(resting, states, strict=True):
                member.kept = state.weights if member.kept is None else member.kept
        if any(member.stopped_early or member.diverged for member in self._rows):
            self._rest()
        return [found.get(id(member)) for member in self.members]

    def weights(self, index: int) -> dict[str, Tensor]:
        """What the plain model of a member would hold, for its `load_state_dict`.

        The best weights by the monitor where the recipe keeps them and there was a score, else those it has now; the
        averaged ones where there is an average.

        Raises:
            BadValue: It diverged before there were any to keep.
        """
        member = self.members[index]
        if member.kept is not None:
            return member.kept
        if id(member) in self._resting:
            return self._resting[id(member)].weights
        if member not in self._rows:
            raise BadValue(f"Member {index} diverged at step {member.step}, before it had weights to keep.")
        with self._averaging.applied():
            return self._stacks.member(self._rows.index(member))

    def _bind(self, rows: list[Member], averages: list[dict[str, Tensor]]) -> None:
        """Make anew what depends on who is trained."""
        self._rows = rows
        self._left = min((member.steps - member.step for member in rows), default=0)
        place = {id(member): number for number, member in enumerate(self.members)}
        self._places = torch.tensor(
            [place[id(member)] for member in rows], dtype=torch.int64, device=self.engine.device
        )
        self._averaging = Averaging(self._stacks, rows, averages)
        if not rows:
            return
        setups = [member.setup for member in rows]
        self._network = Network([setup.model for setup in setups], dimensions(setups[0]))
        self._batches = Batches(rows)
        self._objective = Objective(setups)
        recipes = [setup.recipe for setup in setups]
        optimizer = recipes[0].optimizer
        hyper = [optimizers.resolve(recipe.optimizer).args for recipe in recipes]
        shift_rates = [recipe.norm_bias_rate for recipe in recipes]
        self._stepper = Stepper(optimizer.name, hyper, shift_rates, self._stacks.slabs)
        norms, values = ([_limit(recipe.clip, name) for recipe in recipes] for name in ("norm", "value"))
        self._clipper = Clipper(norms, values, self.engine.device)

    def _advance(self, rates: Sequence[float] | None) -> Tensor:
        """One step of all rows; their losses, (K,)."""
        rows = self._rows
        for member in rows:
            member.draws.step = member.step
        signal, target = self._batches.next()
        leaves = self._stacks.leaves()
        draws = [member.draws for member in rows]
        now = Pass(self._stacks.by_name(leaves), len(rows), draws)
        losses = self._objective.losses(self._network(placed(signal, self.engine), now), target)
        gradients = [gradient.contiguous() for gradient in torch.autograd.grad(losses.sum(), leaves)]
        losses = losses.detach()
        self._clipper.clip(gradients)
        rates = [member.rate for member in rows] if rates is None else rates
        self._stepper.step(gradients, rates, [member.step + 1 for member in rows])
        for member in rows:
            member.step += 1
        self._averaging.update()
        self._losses += losses
        self.step += 1
        self._left -= 1
        return losses

    def _watch(self, losses: Tensor) -> None:
        """Notice losses that are not finite: at once, or late where at once would wait for a GPU."""
        if losses.device.type == "cpu":
            if not bool(losses.isfinite().all()):
                self._look()
        elif self.step % _LATE_BY == 0:
            self._look()

    def _look(self) -> None:
        """End the members whose losses became NaN or infinite: one such number stays in the sum."""
        finite = self._losses.isfinite().tolist()
        for member, fine in zip(self._rows, finite, strict=True):
            member.diverged = not fine
        if not all(finite):
            self._keep([row for row, fine in enumerate(finite) if fine])

    def _rest(self) -> None:
        """Take out those that have ended, with the weights that they leave."""
        with self._averaging.applied():
            for row, member in enumerate(self._rows):
                if member.finished and member.due:
                    self._resting[id(member)] = _Rest(self._stacks.member(row), float(self._losses[row]))
                elif member.finished and member.kept is None and not member.diverged:
                    member.kept = self._stacks.member(row)
        self._keep([row for row, member in enumerate(self._rows) if not member.finished])

    def _keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows."""
        if len(rows) == len(self._rows):
            return
        averages = self._averaging.rows(len(self._rows))
        self._stacks.keep(rows)
        self._losses = self._losses[torch.tensor(rows, dtype=torch.int64, device=self._losses.device)]
        self._bind([self._rows[row] for row in rows], [averages[row] for row in rows])


def _limit(clip: Part | None, name: str) -> float:
    """The limit of a clipping, if it is the one of this name."""
    return math.inf if clip is None or clip.name != name else float(clippings.resolve(clip).args["limit"])


def _refuse(setups: Sequence[Setup]) -> None:
    why = fusable(setups)
    if why is not None:
        raise BadValue(f"These trainings cannot be done together. {why}")
