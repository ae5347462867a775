"""Repair: the smallest edit that mends a program, proven on trainings with and without it."""

import time
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainwell.diagnoses import Diagnosis
from trainwell.diagnoses.checkup import looked_at
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.hypotheses import hypotheses
from trainwell.diagnoses.judge import judge
from trainwell.diagnoses.pairs import Effect, Pairs, edited
from trainwell.diagnoses.search import Search
from trainwell.edits import Edited
from trainwell.family import Part
from trainwell.probes.experiment import Loss
from trainwell.probes.parts import Build, Parts, of_build
from trainwell.probes.state import same_gradients, untouched

BUDGET = 60.0  # seconds of work on one core, about: see `trainwell.probes.work`
_LOOKED, _SEARCHED = 0.3, 0.75  # of a cap on seconds: when looking ends, and when trying ends and the proof begins


@dataclass(frozen=True, eq=False)
class Repair:
    """What was done to a program, and what it brought.

    Args:
        diagnosis: What was found.
        edits: The edits, in the order they are made; none where it was left as it is.
        done: What each of them did.
        effect: What they bring together; None where nothing was tried.
        why: Why it was left as it is; empty where it was not.
        given: The program.
        samples: `train` and `valid` as they came.
        program: `build` as it came.
    """

    diagnosis: Diagnosis
    edits: tuple[Part, ...]
    done: tuple[Edited, ...]
    effect: Effect | None
    why: str
    given: Parts
    samples: tuple[Any, Any]
    program: Build | None

    @property
    def changed(self) -> bool:
        """Whether anything was changed."""
        return bool(self.edits)

    @property
    def diff(self) -> str:
        """Lines to paste behind those that make model, loss, optimizer and data, in front of the training."""
        return "\n".join(f"# {one.says}\n{one.code}" for one in self.done)

    def build(self, seed: int) -> tuple[Any, ...]:
        """The repaired program: (model, loss, optimizer, train, valid, batch_size, epochs).

        Made anew where `build` was given, otherwise a copy of the program, with its start. Samples that no edit changed
        are handed on as they came; others are pairs of tensors, and so is what was split off for validation.

        Args:
            seed: Seed of the program, and of what the edits draw.
        """
        program, samples = self.given, self.samples
        if self.program is not None:
            anew = self.program(seed)
            program = of_build(lambda _: anew, seed, self.given)
            samples = (program.train, program.valid) if isinstance(anew, Parts) else (anew[3], anew[4])
        made, _ = edited(program, self.edits, seed)
        train, valid = (
            one.whole() if one.change or not made.own_valid else came
            for one, came in zip((made.train, made.valid), samples, strict=True)
        )
        return made.model, made.loss, made.optimizer, train, valid, made.batch_size, made.epochs

    def __str__(self) -> str:
        found = str(self.diagnosis)
        if not self.changed:
            return f"{found}\nLeft as it is: {self.why}."
        changes = "; ".join(one.says for one in self.done)
        return f"{found}\nChanged: {changes}.\nEffect: {self.effect}.\n\n{self.diff}"


def repair(
    model: nn.Module,
    loss: Loss,
    optimizer: Optimizer,
    train: Any,
    valid: Any = None,
    *,
    batch_size: int | None = None,
    epochs: int,
    scheduler: LRScheduler | None = None,
    task: str | None = None,
    build: Build | None = None,
    seconds: float | None = None,
    seed: int = 0,
) -> Repair:
    """Find what is wrong with a program, and the smallest edit that mends it; a healthy one is left as it is.

    Edits are tried on copies: each is trained beside the program as it is, from the same start, on the same batches.
    One is kept only if something was found above a note, and it gains 0.04 of accuracy or R2 and more than the noise
    over three pairs that it was not chosen by. Everything that was given is afterwards as it was, to the bit.

    Args:
        model: Any module.
        loss: (output, target) -> scalar.
        optimizer: A torch optimizer over its parameters.
        train: What is trained on: a pair (x, y), a Dataset or a DataLoader.
        valid: What it is judged on; a fifth of `train` where None.
        batch_size: Samples a step; that of the loader where None.
        epochs: Passes over the training samples.
        scheduler: The scheduler.
        task: `classification` or `regression`; told by the targets where None.
        build: (seed) -> the program made anew, as (model, loss, optimizer, train, valid, batch_size, epochs).
        seconds: Cap on the time; without it the work is bounded, and the same on every machine.
        seed: Seed of everything drawn.

    Returns:
        What was done, with `.build(seed)`, `.diff` and `.effect`.

    Raises:
        BadValue: An argument is not what it has to be, or the program cannot be copied.
        BadData: There are no samples.
    """
    start = time.monotonic()
    given, evidence = looked_at(
        model,
        loss,
        optimizer,
        train,
        valid,
        batch_size=batch_size,
        epochs=epochs,
        scheduler=scheduler,
        task=task,
        build=build,
        seconds=None if seconds is None else _LOOKED * seconds,
        seed=seed,
    )
    diagnosis = judge(evidence)
    until = None if seconds is None else start + _SEARCHED * seconds
    with untouched(seed=seed), same_gradients(model):
        found = mended(given, evidence, diagnosis, Pairs(given, build, seed, BUDGET, until))
    return Repair(diagnosis, *found, given, (train, valid), build)


def mended(
    given: Parts, evidence: Evidence, diagnosis: Diagnosis, pairs: Pairs
) -> tuple[tuple[Part, ...], tuple[Edited, ...], Effect | None, str]:
    """The edits that mend a program on which there is evidence; `pairs` makes the trainings.

    Returns:
        The edits, what each of them did, their effect, and why there are none, where there are none.
    """
    if diagnosis.healthy:
        return (), (), None, "nothing was found that is more than a note"
    search = Search(pairs, evidence)
    if search.base is None:
        return (), (), None, "outputs and targets give no score by which edits could be compared"
    best = search.best(hypotheses(given, evidence, diagnosis))
    if not best:
        return (), (), None, "no edit that was tried helps"
    effect = search.proof(best)
    if effect is None:
        return (), (), None, "the edits that seemed to help do not run under other seeds"
    if effect.mean < search.worth or effect.interval[0] <= 0:
        return (), (), effect, f"what was tried does not help beyond the noise: {effect}"
    done = pairs.program(best, 0)[1]
    return tuple(part for part, _ in done), tuple(one for _, one in done), effect, ""
