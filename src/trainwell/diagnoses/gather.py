"""Gather: all the evidence there is on a program, from the cheapest to the dearest, within a budget of work.

How long things are trained depends on the size of the program and not on a clock, so that the same program and seed
give the same evidence; a cap on seconds can only cut it short, and is then named.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from trainwell.diagnoses.evidence import Architecture, Evidence, Facts, Trial
from trainwell.diagnoses.looks import Inside
from trainwell.diagnoses.script import architecture, groups_of, loss_facts
from trainwell.edits import apply
from trainwell.errors import TrainwellError
from trainwell.family import Part
from trainwell.probes.contents import tensors
from trainwell.probes.criterion import criterion
from trainwell.probes.experiment import Batch, Batches
from trainwell.probes.inputs import inputs
from trainwell.probes.leakage import leakage
from trainwell.probes.neighbours import neighbours
from trainwell.probes.order import Order, order
from trainwell.probes.outputs import outputs
from trainwell.probes.pairing import pairing
from trainwell.probes.parts import Build, Parts, of_build
from trainwell.probes.reference import reference
from trainwell.probes.shift import shift
from trainwell.probes.signal import signal
from trainwell.probes.state import untouched
from trainwell.probes.step_change import step_change
from trainwell.probes.symmetry import symmetry
from trainwell.probes.targets import targets
from trainwell.probes.training import Curves, train
from trainwell.probes.work import step_seconds

T = TypeVar("T")

BUDGET = 9.0  # seconds of work on one core, about: see `trainwell.probes.work`
_WATCHED = 0.4  # of the budget, for the training itself
_DEAR = 20.0  # at most, for the shortest trials of a program whose steps are dear
_SAMPLE = 256  # samples of one pass
_FEW = 11  # samples among which one is exchanged: a number that is seldom another size of a tensor
_TABLE = 8  # passes of that many, to look at inputs and targets
_ORDERED = 32  # batches as they are stored
_SHORTEST = 30  # steps of a training, however dear
_LONGER = 3  # times the epochs
_GOOD = 0.95  # score from which on no trial can gain what counts

TRIALS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "rate-/10": (("rate", {"factor": 0.1}),),
    "rate-x10": (("rate", {"factor": 10.0}),),
    "standardised": (("standardise-inputs", {}),),
    "initialised": (("initialise", {}),),
    "adam": (("optimizer", {"to": "adamw", "lr": 1e-3}),),
    "sound": (("standardise-inputs", {}), ("initialise", {}), ("optimizer", {"to": "adamw", "lr": 1e-3})),
    "no-dropout": (("no-dropout", {}),),
    "no-decay": (("no-decay", {}),),
    "rate-/100": (("rate", {"factor": 0.01}),),
    "rate-x100": (("rate", {"factor": 100.0}),),
    "small-batch": (("batch-size", {"size": 32}),),
    "longer": (("epochs", {"factor": _LONGER}),),
    "relu": (("activation", {"to": "relu"}),),
}
"""What is tried on every program, in this order, by name; each is a training of its own."""


def gather(
    given: Parts, *, build: Build | None = None, seconds: float | None = None, share: float = 1.0, seed: int = 0
) -> Evidence:
    """Gather the evidence on a program; everything that was given is afterwards as it was, to the bit.

    Args:
        given: The program.
        build: (seed) -> the program made anew: (model, loss, optimizer, train, valid, batch_size, epochs).
        seconds: Cap on the time; what comes too late for it is left out, and named in `unseen`.
        share: Of the steps that are planned, how many a training here takes at most, (0, 1].
        seed: Seed of everything drawn.
    """
    with untouched(seed=seed), torch.inference_mode(False), torch.enable_grad():
        return _Gathering(given, build, seconds, share, seed).evidence()


@dataclass
class _Gathering:
    given: Parts
    build: Build | None
    seconds: float | None
    share: float
    seed: int

    def __post_init__(self) -> None:
        self.unseen: list[str] = []
        self.start = time.monotonic()

    def evidence(self) -> Evidence:
        given = self.given.copy()
        model, loss = given.model, given.loss
        for parameter in model.parameters():
            parameter.grad = None
        numbers = torch.randperm(len(given.train), generator=torch.Generator().manual_seed(self.seed))
        sample = given.train.batch(numbers[:_SAMPLE])
        sizes = numbers[: _TABLE * _SAMPLE].split(_SAMPLE)
        seen = list(range(len(given.valid)))[: _TABLE * _SAMPLE]

        def some(step: int) -> Batch:
            return given.train.batch(sizes[step % len(sizes)])

        def valid(step: int) -> Batch:
            return given.valid.batch(torch.tensor(seen[step * _SAMPLE : (step + 1) * _SAMPLE] or seen[:_SAMPLE]))

        def stored(step: int) -> Batch:
            low = step % given.epoch_steps * given.batch_size
            return given.train.batch(torch.arange(low, min(low + given.batch_size, len(given.train))))

        architecture = self.part("the graph", self.architecture)
        facts = self.facts(sample)
        evidence: dict[str, Any] = {
            "facts": facts,
            "architecture": architecture,
            "inputs": self.part("inputs", lambda: inputs(some, num_batches=len(sizes), seed=self.seed)),
            "targets": self.part("targets", lambda: targets(some, num_batches=len(sizes), seed=self.seed)),
            "pairing": self.part("pairing", lambda: self.pairing(sample)),
            "neighbours": self.part("neighbours", lambda: neighbours(some, num_batches=len(sizes), seed=self.seed)),
            "order": self.part("order", lambda: self.order(stored)),
            "shift": self.part(
                "shift",
                lambda: shift(some, valid, num_batches=min(len(sizes), -(-len(seen) // _SAMPLE)), seed=self.seed),
            ),
            "reference": self.part("reference", lambda: reference(given)),
            "signal": self.part("signal", lambda: signal(model, loss, sample, forward=given.forward, seed=self.seed)),
            "symmetry": self.part(
                "symmetry", lambda: symmetry(model, loss, sample, forward=given.forward, seed=self.seed)
            ),
            "leakage": self.part(
                "leakage",
                lambda: leakage(model, given.train.batch(numbers[:_FEW]), forward=given.forward, seed=self.seed),
            ),
            "step_change": self.part(
                "steps",
                lambda: step_change(model, loss, given.optimizer, stored(0), forward=given.forward, seed=self.seed),
            ),
            "outputs": self.part("outputs", lambda: outputs(model, sample, forward=given.forward, seed=self.seed)),
            "initial_constant": self.part("the constant loss", lambda: constant_loss(given, sample)),
        }
        return Evidence(**evidence, **self.trainings(sample))

    def order(self, stored: Batches) -> Order | None:
        """Whether the samples come sorted; where all come in one batch their order is no matter."""
        epoch = min(self.given.epoch_steps, _ORDERED)
        return order(stored, num_batches=epoch, seed=self.seed) if epoch > 1 else None

    def trainings(self, sample: Batch) -> dict[str, Any]:
        """Everything that trains: the program as it is, again, and with one thing changed."""
        given = self.given
        a_step = self.part("the cost of a step", lambda: step_seconds(given)) or 0.01
        planned = max(1, round(given.steps * self.share))
        steps = max(min(planned, _SHORTEST), min(planned, round(_WATCHED * BUDGET / a_step)))
        inside = Inside(given.copy(), sample, steps, self.seed)
        made = inside.parts
        watched = self.part("training", lambda: train(made, steps=steps, seed=self.seed, watch=inside.after_step))
        self.unseen += inside.unseen
        found: dict[str, Any] = {
            "watched": watched,
            "looks": tuple(inside.looks),
            "outputs_after": self.part(
                "outputs after training", lambda: outputs(made.model, sample, forward=given.forward, seed=self.seed)
            ),
            "again": None,
            "trials": {},
        }
        left = BUDGET - steps * a_step
        if watched is not None:
            if steps * a_step < left / 4:
                found["again"] = self.part("another seed", lambda: self.again(steps))
                left -= steps * a_step
            each = max(min(steps, _SHORTEST), min(steps, round(left / a_step / (len(TRIALS) + _LONGER))))
            found["trial_steps"] = each
            whole = not watched.cut and watched.broke is None
            if watched.end is None or watched.end < _GOOD or not whole:
                least = min(_DEAR, len(TRIALS) * _SHORTEST * a_step)
                found["trials"] = self.trials(each, watched, a_step, max(left, least))
        found["unseen"] = tuple(dict.fromkeys(self.unseen))
        return found

    def again(self, steps: int) -> Curves:
        """The program under another seed."""
        made = self.given if self.build is None else of_build(self.build, self.seed + 1, self.given)
        return train(made.copy(), steps=steps, seed=self.seed + 1)

    def trials(self, steps: int, watched: Curves, a_step: float, left: float) -> dict[str, Trial]:
        """The trainings with one thing changed, as many as the work that is left allows."""
        found = {}
        if steps < watched.taken and watched.broke is None:
            found["unchanged"] = self.trial((), steps)
        full = self.given.steps
        for name, changes in TRIALS.items():
            if name == "longer":
                cost = _LONGER * full * a_step
                if steps < full or cost > left:
                    continue
                found[name] = self.trial(changes, _LONGER * full)
            else:
                if left < 0.5 * steps * a_step:
                    break
                cost = steps * a_step
                found[name] = self.trial(changes, steps)
            left -= cost
            if self.late:
                self.unseen.append(f"cut short: after {self.seconds:g} s")
                break
        return found

    def trial(self, changes: tuple[tuple[str, dict[str, Any]], ...], steps: int) -> Trial:
        """One training of the program as `changes` make it."""
        wanted = tuple(Part("edits", name, args) for name, args in changes)
        listed = tuple({"edit": name, **args} for name, args in changes)
        try:
            made, done = apply(self.given, *wanted)
            refused = next((edit.why_not for edit in done if edit.why_not), "")
            # Of several changes those that can be made are; a single one that cannot leaves nothing to try.
            if refused and all(edit.why_not for edit in done):
                return Trial(edits=listed, says="", why_not=refused, curves=None)
            says = ", ".join(edit.says for edit in done if edit.says)
            as_long = round(steps * made.epoch_steps / self.given.epoch_steps)  # in samples, not in steps
            return Trial(edits=listed, says=says, why_not="", curves=train(made, steps=as_long, seed=self.seed))
        except Exception as error:
            return Trial(edits=listed, says="", why_not=f"{type(error).__name__}: {error}", curves=None)

    @property
    def late(self) -> bool:
        return self.seconds is not None and time.monotonic() - self.start > self.seconds

    def part(self, name: str, make: Callable[[], T]) -> T | None:
        """What `make` gives; None, and a word on why, where it fails: it runs the user's own code."""
        if self.late:
            self.unseen.append(f"cut short: {name}")
            return None
        try:
            return make()
        except Exception as error:
            text = str(error) if isinstance(error, TrainwellError) else f"{type(error).__name__}: {error}"
            self.unseen.append(f"{name}: {text.splitlines()[0] if text else 'failed'}")
            return None

    def facts(self, sample: Batch) -> Facts:
        """What the script says."""
        given = self.given
        name, settings = loss_facts(given.loss)
        if not type(given.loss).__module__.startswith("torch."):
            called = self.part("what the loss calls", lambda: self.criterion(sample))
            # A loss that does something of its own before it calls torch's is another one, whatever it is called.
            name = {None: name, "": f"{type(given.loss).__name__} of one's own"}.get(called, called or name)
        return Facts(
            task=given.task,
            model=type(given.model).__name__,
            loss=name,
            loss_settings=settings,
            optimizer=type(given.optimizer).__name__,
            groups=groups_of(given.optimizer),
            scheduler="" if given.scheduler is None else type(given.scheduler).__name__,
            batch_size=given.batch_size,
            epochs=given.epochs,
            steps=given.steps,
            num_train=len(given.train),
            num_valid=len(given.valid),
            own_valid=given.own_valid,
            num_parameters=sum(p.numel() for p in given.model.parameters() if p.requires_grad),
            has_build=self.build is not None,
            random_frozen=self.part("frozen parameters", self.random_frozen) or (),
            penalty=self.part("a penalty in the loss", lambda: penalty(given, sample)),
        )

    def criterion(self, sample: Batch) -> str | None:
        """Which of torch's losses the loss comes down to."""
        made = self.given.copy()
        with torch.no_grad():
            output = made.forward(made.model.eval(), sample[0])
        return criterion(made.loss, output, sample[1], seed=self.seed)

    def random_frozen(self) -> tuple[str, ...]:
        held = {id(p) for group in self.given.optimizer.param_groups for p in group["params"]}
        named = dict(self.given.model.named_parameters())
        frozen = {name: p for name, p in named.items() if not p.requires_grad or id(p) not in held}
        if not frozen or self.build is None:
            return ()
        other = dict(of_build(self.build, self.seed + 1, self.given).model.named_parameters())
        return tuple(name for name, p in frozen.items() if name in other and not torch.equal(p, other[name]))

    def architecture(self) -> Architecture:
        """The graph, of a pass of a few samples."""
        given = self.given
        return architecture(given.model, given.train.first(4)[0], forward=given.forward, seed=self.seed)

    def pairing(self, sample: Batch) -> Any:
        """Output, target and loss, of a pass in evaluation mode."""
        made = self.given.copy()
        made.model.eval()
        with torch.no_grad():
            output = made.forward(made.model, sample[0])
        first, target = (next(tensor for _, tensor in tensors(value)) for value in (output, sample[1]))
        return pairing(first, target, made.loss, seed=self.seed)


def penalty(given: Parts, sample: Batch) -> float | None:
    """Share of the loss that stays out of the outputs' reach: what it gives more than with all weights at 0."""
    trial = given.copy()
    trial.model.eval()
    with torch.no_grad():
        output = trial.forward(trial.model, sample[0])
        before = float(trial.loss(output, sample[1]))
        for parameter in trial.model.parameters():
            parameter.zero_()
        after = float(trial.loss(output, sample[1]))
    return (before - after) / abs(before) if before else None


def constant_loss(given: Parts, sample: Batch) -> float | None:
    """Loss of the best output that is the same for all samples."""
    trial = given.copy()
    with torch.no_grad():
        first = trial.forward(trial.model.eval(), sample[0])
    if not isinstance(first, torch.Tensor) or not first.is_floating_point():
        return None
    best: float | None = None
    for start in (torch.zeros_like(first[0]), torch.nan_to_num(first.mean(0))):
        value = start.clone().requires_grad_()
        optimizer = torch.optim.LBFGS([value], max_iter=60, line_search_fn="strong_wolfe")

        def closure(value: torch.Tensor = value, optimizer: torch.optim.Optimizer = optimizer) -> torch.Tensor:
            optimizer.zero_grad()
            found = trial.loss(value.expand(len(first), *value.shape), sample[1])
            found.backward()
            return found

        try:
            optimizer.step(closure)
            with torch.no_grad():
                found = float(trial.loss(value.expand(len(first), *value.shape), sample[1]))
        except (RuntimeError, ValueError):
            continue
        if found == found and (best is None or found < best):
            best = found
    return best
