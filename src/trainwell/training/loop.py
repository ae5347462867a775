"""The loop, written out: batch, forward, loss, backward, clip, step, average, measure, score, save."""

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.data.batches import Feed
from trainwell.draws import StepDraws, key
from trainwell.dropouts import attach
from trainwell.errors import Diverged
from trainwell.measurements import Step, any_needs
from trainwell.measurements.collector import Collector
from trainwell.measurements.ranges import UnitRanges
from trainwell.parameters import global_norm, weights_of
from trainwell.training.engine import Engine
from trainwell.training.evaluate import score
from trainwell.training.interrupt import Stop

_LATE_BY = 20  # steps by which a NaN may be read late where reading it earlier would wait for the device
_SCORED_TRAINING_SAMPLES = 1000  # a training score is for the gap: its standard error at 90 % is 1 point
_MOST_SCORES = 100  # a run is scored at the end of each epoch, but not more often than this
_RECENT_LOSSES = 50  # the loss is noisy: its spread over 50 steps is known to a tenth
_SECONDS_BETWEEN_SAVES = 60.0  # when to save does not change a result


class Progress(Protocol):
    """Who watches: a bar on a terminal, plain lines in a log, nobody."""

    def step(self, step: int, steps: int, samples: int, loss: Callable[[], float]) -> None:
        """A step is done; `loss` reads the running mean and may wait for the device."""

    def scored(self, line: dict[str, Any]) -> None:
        """An epoch line was written."""


class Keeper(Protocol):
    """Where the state goes: a run folder, or nowhere."""

    def line(self, kind: str, values: dict[str, Any]) -> None:
        """Write a line of the record."""

    def save(self, trainer: "Trainer") -> None:
        """Replace the checkpoint."""

    def best(self, trainer: "Trainer") -> None:
        """Replace the best weights by the averaged or present ones."""


@dataclass(frozen=True)
class Plan:
    """What a recipe asks of the loop, bound to a model and counted in steps.

    Args:
        loss: Output, target -> scalar: what is minimised.
        plain_loss: The same without smoothing and weights: what is reported.
        multipliers: Factor of the rate for every step of the run.
        reaction: Step and the losses so far -> a further factor, where the schedule goes by the loss.
        epoch_steps: The steps after which the model is scored and, where it is better, kept.
        clip: Gradients in place -> norm; None for no bound.
        penalties: model -> scalar, added to the loss.
        constraints: model -> None, applied after the step.
        average: Average of the weights, or None.
        measurements: Step -> numbers, by name.
        measure_every: Steps between two measurements.
        monitor: Name of the score by which the best weights are chosen.
        by_class: Whether the mean of the classes' recalls is scored too.
        patience: Epochs without improvement after which training stops; None for never.
        keep_best: Give back the best weights rather than the last.
        two_pass: Whether the optimizer calls for the gradient itself.
        seed: Seed of the run.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    plain_loss: Callable[[Tensor, Tensor], Tensor]
    multipliers: Sequence[float]
    epoch_steps: Sequence[int]
    clip: Callable[[list[Tensor]], Tensor] | None = None
    penalties: Sequence[Callable[[nn.Module], Tensor]] = ()
    constraints: Sequence[Callable[[nn.Module], None]] = ()
    reaction: Callable[[int, Sequence[float]], float] | None = None
    average: Any = None
    measurements: dict[str, Callable[[Step], dict[str, Tensor]]] = field(default_factory=dict)
    measure_every: int = 20
    monitor: str = "valid_accuracy"
    by_class: bool = False
    patience: float | None = None
    keep_best: bool = True
    two_pass: bool = False
    seed: int = 0


def scored_steps(steps: int, epochs: float) -> list[int]:
    """The steps at which a run of so many steps is scored: epoch ends, at most a hundred, and the last."""
    every = max(1, math.ceil(epochs / _MOST_SCORES))
    ends = {min(steps, round(steps * epoch / epochs)) for epoch in range(every, math.floor(epochs) + 1, every)}
    return sorted((ends | {steps}) - {0})


class Trainer:
    """A model in training: all that changes from step to step.

    Args:
        model: Network on the engine's device.
        optimizer: Over the model's parameters; a group's `rate_scale` multiplies its rate.
        rate: Peak learning rate.
        feed: Training split.
        valid: Validation split, or None.
        engine: How to compute.
        plan: What to do.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        rate: float,
        feed: Feed,
        valid: Feed | None,
        engine: Engine,
        plan: Plan,
    ) -> None:
        self.model, self.optimizer, self.rate = model, optimizer, rate
        self.feed, self.valid, self.engine, self.plan = feed, valid, engine, plan
        self.step = 0
        self.best_score: float | None = None
        self.best_loss: float | None = None
        self.best_epoch: float | None = None
        self.start: dict[str, float] = {}  # losses of weights that were kept before the first step, if any
        self.stopped_early = False
        self.losses: list[float] = []  # at each scoring: of the validation split, else of the training split
        self.seconds = 0.0
        self.running_loss = torch.zeros((), device=engine.device)
        self.running_steps = 0
        self.draws = StepDraws(key(plan.seed, "layers"))
        attach(model, self.draws)
        self._parameters: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        self._weights = weights_of(model)
        self._network = engine.network(model)
        self._waits = engine.device.type != "cpu"
        self._bad = torch.zeros((), dtype=torch.bool, device=engine.device)
        self._random = key(plan.seed, "steps")
        self._last_finite: float | None = None
        self._gradient_norm: Tensor | None = None
        self._clipped_norm: Tensor | None = None
        self._collector: Collector | None = None
        if any_needs("needs_activations", plan.measurements):
            self._collector = Collector(model, slopes=any_needs("needs_slopes", plan.measurements))
        self._ranges = UnitRanges()
        self._recent_losses: deque[Tensor] = deque(maxlen=_RECENT_LOSSES)
        self._measures = self._looks = False

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return len(self.plan.multipliers)

    @property
    def finished(self) -> bool:
        """Whether the plan is carried out, or patience has ended."""
        return self.step >= self.steps or self.stopped_early

    @property
    def epoch(self) -> float:
        """Passes over the training split so far."""
        return self.step * self.feed.batch_size / len(self.feed)

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, which for a schedule that goes by the loss has to be the next one."""
        rate = self.rate * self.plan.multipliers[step]
        return rate if self.plan.reaction is None else rate * self.plan.reaction(step, self.losses)

    def run(self, keeper: Keeper, progress: Progress, stop: Stop | None = None) -> None:
        """Train to the end of the plan, or until `stop` is signalled or patience ends.

        Torch's own random state is left as it was.

        Raises:
            Diverged: The loss is NaN or infinite.
        """
        with torch.random.fork_rng(devices=[self.engine.device] if self._waits else []):
            self._run(keeper, progress, stop)

    def _run(self, keeper: Keeper, progress: Progress, stop: Stop | None) -> None:
        self.model.train()
        ends = set(self.plan.epoch_steps)
        began, saved = time.perf_counter() - self.seconds, time.perf_counter()
        while not self.finished:
            measured = self.advance()
            self.seconds = time.perf_counter() - began
            progress.step(self.step, self.steps, self.step * self.feed.batch_size, self._mean_loss)
            if measured is not None:
                keeper.line("measure", {"step": self.step} | self._numbers(measured))
            if self.step in ends:
                self._score(keeper, progress, lambda: time.perf_counter() - began)
            leaving = stop is not None and stop.signal_name is not None
            if leaving or self.step in ends or time.perf_counter() - saved > _SECONDS_BETWEEN_SAVES:
                self._check_finite()
                keeper.save(self)
                saved = time.perf_counter()
            if leaving and not self.finished:
                return
        if self.plan.keep_best and self.best_score is None:
            self._keep(keeper)

    def advance(self) -> dict[str, Tensor] | None:
        """One step of training; returns what was measured, where this step is one to measure."""
        plan, step = self.plan, self.step
        rate = self.rate_at(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("rate_scale", 1.0)
        self.draws.step = step
        torch.default_generator.manual_seed(self._random + step)  # for random layers that are not ours
        if self._waits:
            torch.cuda.manual_seed(self._random + step)
        x, y = self.feed.batch(step)
        measures = self._measures = bool(plan.measurements) and (step + 1) % plan.measure_every == 0
        self._looks = measures and self._collector is not None
        if self._looks and self._network is not self.model:
            self._look_aside(x)
        before = [weight.detach().clone() for weight in self._weights] if measures else []
        if plan.two_pass:
            take_step: Any = self.optimizer.step  # which torch takes to deal in floats
            loss = take_step(lambda: self._gradient(x, y))
            assert loss is not None, "a two-pass optimizer returns the loss of its first pass"
            self._watch(loss)
        else:
            loss = self._gradient(x, y)
            self._watch(loss)
            self.optimizer.step()
        updates = [weight.detach() - old for weight, old in zip(self._weights, before, strict=True)] if measures else []
        for constrain in plan.constraints:
            constrain(self.model)
        if plan.average is not None:
            plan.average.update(self.model, step + 1, self.steps)
        self.step += 1
        return self._measured(loss, rate, updates, len(x)) if measures else None

    def _measured(self, loss: Tensor, rate: float, updates: Sequence[Tensor], samples: int) -> dict[str, Tensor]:
        """What the measurements of the plan find in the step that was just taken."""
        seen: dict[str, Any] = {}
        if self._collector is not None:
            self._ranges.add(self._collector.activations, samples)
            seen = {"activations": self._collector.activations, "slopes": self._collector.slopes}
            seen |= {"unit_ranges": self._ranges.ranges(), "range_samples": self._ranges.samples}
            self._collector.forget()
        step = Step(
            step=self.step,
            total_steps=self.steps,
            loss=loss,
            model=self.model,
            optimizer=self.optimizer,
            lr=rate,
            updates=updates,
            gradient_norm=self._gradient_norm,
            clipped_norm=self._clipped_norm,
            losses=tuple(self._recent_losses),
            **seen,
        )
        found = {name: value for measure in self.plan.measurements.values() for name, value in measure(step).items()}
        return {"lr": torch.tensor(rate), "loss": loss} | found

    def memory(self) -> dict[str, Tensor]:
        """What is measured over more than one step, to be saved between two steps."""
        ranges = {f"ranges.{name}": value for name, value in self._ranges.state_dict().items()}
        return ranges | ({"losses": torch.stack(list(self._recent_losses))} if self._recent_losses else {})

    def remember(self, memory: Mapping[str, Tensor]) -> None:
        """Go on from a saved memory."""
        placed = {name: value.to(self.engine.device) for name, value in memory.items()}
        self._recent_losses.extend(placed.pop("losses", torch.zeros(0)).unbind())
        if placed:  # a checkpoint of an earlier version has none
            self._ranges.load_state_dict({name.removeprefix("ranges."): value for name, value in placed.items()})

    def _numbers(self, measured: dict[str, Tensor]) -> dict[str, float]:
        """The numbers of a step that was measured, waiting for the device once."""
        values = torch.stack([value.float().to(self.engine.device) for value in measured.values()]).tolist()
        return dict(zip(measured, values, strict=True))

    @torch.no_grad()
    def _look_aside(self, x: Tensor) -> None:
        """Run the plain model once for its activations: into a compiled one no hook sees, and it stays as it is."""
        buffers = [(buffer, buffer.clone()) for buffer in self.model.buffers()]
        with torch.random.fork_rng(devices=[self.engine.device] if self._waits else []), self._looking():
            self.engine.forward(self.model, x)
        for buffer, before in buffers:
            buffer.copy_(before)

    def _gradient(self, x: Tensor, y: Tensor) -> Tensor:
        for parameter in self._parameters:
            parameter.grad = None
        with self._looking():
            output = self.engine.forward(self._network, x)
        loss = self.plan.loss(output, y)
        objective = loss
        for penalty in self.plan.penalties:
            objective = objective + penalty(self.model)
        objective.backward()
        if self.plan.clip is not None:
            self._gradient_norm = self.plan.clip(self._parameters)
            if self._measures:
                self._clipped_norm = global_norm([p.grad for p in self._parameters if p.grad is not None])
        return loss.detach()

    def _looking(self) -> Any:
        """Context in which the activations of a step that measures them are seen, in its first pass."""
        looks, self._looks = self._looks, False
        return self._collector.looking() if looks and self._collector is not None else contextlib.nullcontext()

    def _watch(self, loss: Tensor) -> None:
        """Add to the running mean and notice a loss that is not finite: at once, or late where at once would wait."""
        self.running_loss += loss
        self.running_steps += 1
        self._recent_losses.append(loss)
        if not self._waits:
            value = loss.item()
            if not math.isfinite(value):
                self._diverged(value)
            self._last_finite = value
            return
        self._bad |= ~torch.isfinite(loss)
        if self.step % _LATE_BY == 0:
            self._check_finite()

    def _check_finite(self) -> None:
        if self._waits and bool(self._bad):
            self._diverged(math.nan)

    def _diverged(self, value: float) -> None:
        before = "" if self._last_finite is None else f"; the last finite loss was {self._last_finite:.4g}"
        late = f", or up to {_LATE_BY} steps before" if self._waits else ""
        raise Diverged(
            f"The loss became {value} at step {self.step + 1} of {self.steps} (epoch {self.epoch:.2f}{late}), "
            f"at learning rate {self.rate_at(min(self.step, self.steps - 1)):.3g}{before}."
        )

    def _mean_loss(self) -> float:
        return float(self.running_loss) / max(1, self.running_steps)

    def _score(self, keeper: Keeper, progress: Progress, seconds: Callable[[], float]) -> None:
        """Score the averaged or present weights, write the epoch line, and keep what the plan gives back."""
        plan = self.plan
        self._check_finite()
        line: dict[str, Any] = {"epoch": round(self.epoch, 4), "step": self.step, "seconds": 0.0}
        line |= {"lr": self.rate_at(self.step - 1), "objective": self._mean_loss()}
        with self.averaged():
            parts = [("train", self.feed, _SCORED_TRAINING_SAMPLES)]
            parts += [("valid", self.valid, None)] if self.valid is not None else []  # type: ignore[list-item]
            for name, feed, limit in parts:
                scores = score(self.model, feed, self.engine, plan.plain_loss, limit, by_class=plan.by_class)
                line |= {f"{name}_{what}": value for what, value in scores.items()}
        if not math.isfinite(line["train_loss"]):
            self._diverged(line["train_loss"])
        self.losses.append(line.get("valid_loss", line["train_loss"]))
        self.running_loss.zero_()
        self.running_steps = 0
        self.seconds = seconds()
        line["seconds"] = round(self.seconds, 3)
        value = line.get(plan.monitor)
        if value is not None and math.isfinite(value):
            loss = line.get("valid_loss", math.inf)
            if self._better(value, loss):
                self.best_score, self.best_loss, self.best_epoch = value, loss, self.epoch
                if plan.keep_best:
                    self._keep(keeper)
            elif plan.patience is not None and self.best_epoch is not None:
                self.stopped_early = self.epoch - self.best_epoch >= plan.patience
        if not plan.keep_best and not self._harmed(line):
            self._keep(keeper)
        keeper.line("epoch", line)
        progress.scored(line)

    def _better(self, value: float, loss: float) -> bool:
        """Whether a score beats the best so far; of equal scores the one of lower loss does."""
        if self.best_score is None or self.best_loss is None:
            return True
        sign = -1 if self.plan.monitor.endswith("loss") else 1
        return (sign * value, -loss) > (sign * self.best_score, -self.best_loss)

    def _harmed(self, line: dict[str, Any]) -> bool:
        """Whether training and validation samples agree that what the training started from was better."""
        return bool(self.start) and all(not line[name] <= loss for name, loss in self.start.items())

    def averaged(self) -> Any:
        """Context in which the model holds the averaged weights, where there is an average."""
        return contextlib.nullcontext() if self.plan.average is None else self.plan.average.applied(self.model)

    def _keep(self, keeper: Keeper) -> None:
        with self.averaged():
            keeper.best(self)
