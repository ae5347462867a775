"""Evidence: all that is known of a program before it is judged. Plain numbers, recorded once, judged again and again.

Nothing in it says whether a number is good or bad.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import cattrs

from trainwell.probes.flow import Flow, Operation
from trainwell.probes.inputs import Inputs
from trainwell.probes.kinds import Kind
from trainwell.probes.leakage import Leakage
from trainwell.probes.neighbours import Neighbours
from trainwell.probes.order import Order
from trainwell.probes.outputs import Outputs
from trainwell.probes.pairing import Pairing
from trainwell.probes.reference import Reference
from trainwell.probes.shift import Shift
from trainwell.probes.signal import Signal
from trainwell.probes.step_change import StepChange
from trainwell.probes.symmetry import Symmetry
from trainwell.probes.targets import Targets
from trainwell.probes.training import Curves

VERSION = 1

_plain = cattrs.Converter()
_plain.register_structure_hook(float | str, lambda value, _: value)


@dataclass(frozen=True, kw_only=True)
class Group:
    """A parameter group of the optimizer: its numbers, by the names torch gives them (lr, momentum, eps ...).

    Args:
        settings: Numbers and switches; `betas` as `beta1` and `beta2`.
        num_parameters: Numbers in it.
    """

    settings: dict[str, float]
    num_parameters: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the script says.

    Args:
        task: `classification` or `regression`.
        model: Class of the model.
        loss: Class of the loss, or the name of the function: `CrossEntropyLoss`, `cross_entropy`. Of a loss of
            one's own that hands outputs and targets to one of torch's as they are, the name of that one.
        loss_settings: Numbers and words that the loss holds: `reduction`, `label_smoothing`, `has_weight`.
        optimizer: Class of the optimizer.
        groups: Its parameter groups.
        scheduler: Class of the scheduler; empty without one.
        batch_size: Samples a step.
        epochs: Passes over the training samples.
        steps: Steps of the whole training.
        num_train: Training samples.
        num_valid: Validation samples.
        own_valid: Whether these came from the user.
        num_parameters: Numbers in the model that are trained.
        has_build: Whether the program can be made anew.
        random_frozen: Parameters that are frozen, or not held by the optimizer, and that another seed fills otherwise:
            nobody has learnt them. Only with `build`.
        penalty: Share of the first loss that does not depend on the outputs: a penalty on the weights, as a rule.
    """

    task: Literal["classification", "regression"]
    model: str
    loss: str
    loss_settings: dict[str, float | str]
    optimizer: str
    groups: tuple[Group, ...]
    scheduler: str
    batch_size: int
    epochs: int
    steps: int
    num_train: int
    num_valid: int
    own_valid: bool
    num_parameters: int
    has_build: bool
    random_frozen: tuple[str, ...]
    penalty: float | None

    @property
    def lr(self) -> float | None:
        """Largest learning rate of all groups."""
        return self.largest("lr")

    def largest(self, name: str) -> float | None:
        """The largest value of a setting over all groups; None where none has it."""
        found = [group.settings[name] for group in self.groups if name in group.settings]
        return max(found) if found else None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """An operation of the forward pass, as `trainwell.probes.flow.Operation` has it, with its weights as numbers.

    Args:
        shape: Shape of the weight, (out, in, ...) of a linear layer or convolution; empty without one.
        has_bias: Whether it adds a bias.
        trainable: Whether its weight learns; True without one.
        spread: sqrt(fan_in mean(w^2)): by how much a layer multiplies the spread of independent inputs.
        bias_mean: Mean of the bias over its layer's root mean square of weights times sqrt(fan_in).
        settings: What the module holds in numbers: `eps`, `momentum`, `num_groups`, `dim`, `negative_slope`, `p` ...
    """

    number: int
    name: str
    kind: Kind
    id: str
    inputs: tuple[int, ...]
    p: float
    shape: tuple[int, ...]
    has_bias: bool
    trainable: bool
    spread: float | None
    bias_mean: float | None
    settings: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The graph of the forward pass.

    Args:
        layers: Its operations, in the order they ran: `layers[n].number == n`.
        outputs: Numbers of those that made the outputs.
        idle: Layers that did not run.
    """

    layers: tuple[Layer, ...]
    outputs: tuple[int, ...]
    idle: tuple[str, ...]

    def flow(self) -> Flow:
        """The graph, to be asked what lies before and behind what; its operations hold no tensors."""
        operations = tuple(
            Operation(one.number, one.name, one.kind, one.id, one.inputs, p=one.p) for one in self.layers
        )
        return Flow(operations, self.outputs, self.idle)


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What an activation did, over a whole pass through up to 1000 training samples.

    Args:
        name: Of the module, or of the module that calls the function: `block.relu()`.
        num_units: U.
        dead: Share of units that give the same for all samples.
        flat: Share of values where the slope is under 1 % of the largest.
        zeros: Share of values that are exactly 0.
        rms: Root mean square of the values.
        between: Spread between the samples over `rms`: 0 where all samples come out alike. None where `rms` is 0.
    """

    name: str
    num_units: int
    dead: float
    flat: float | None
    zeros: float
    rms: float
    between: float | None


@dataclass(frozen=True, kw_only=True)
class Look:
    """A look at the inside of a network while it trains.

    Args:
        step: Steps taken before.
        units: Of each activation, in the order they ran.
        gradients: Norm of the gradient by weight, in the order of the model.
        updates: ||last step|| / ||w|| by weight.
        norms: ||w|| by weight.
        gradient_norm: Norm of all gradients.
        noise: Spread of the gradient between batches over its mean, squared: how many batches it takes for a steady
            one.
    """

    step: int
    units: tuple[Unit, ...]
    gradients: dict[str, float | None]
    updates: dict[str, float | None]
    norms: dict[str, float]
    gradient_norm: float | None
    noise: float | None


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The program trained with one thing changed, from the same start, on the same batches.

    Args:
        edits: What was changed, as `{"edit": ..., ...}`: the name of an edit, and its arguments.
        says: The same in words.
        why_not: Why there is nothing to tell; else empty.
        curves: None where there is nothing.
    """

    edits: tuple[dict[str, Any], ...]
    says: str
    why_not: str
    curves: Curves | None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known of a program. What could not be had is None, and named in `unseen`.

    Args:
        version: Of this format.
        facts: What the script says.
        architecture: The graph of the forward pass.
        inputs: The training inputs.
        targets: The training targets.
        pairing: Output, target and loss together.
        neighbours: Whether alike samples have alike targets.
        order: Whether the samples come sorted.
        shift: Whether training and validation samples are alike.
        reference: What simple learners reach on these samples.
        signal: One batch forwards and backwards, at the start.
        symmetry: Units that are equal, at the start.
        leakage: Whether samples reach into each other's outputs.
        step_change: What a few steps change.
        outputs: Outputs before training, in both modes.
        outputs_after: Outputs after training.
        initial_constant: Loss of the best constant output over the training targets; None where it cannot be found.
        watched: The training.
        looks: At its inside: the first before training, the last behind it.
        again: The training under another seed, of order and draws, and of the start where the program can be made anew.
        trials: Trainings with one thing changed, by name.
        trial_steps: Steps of each of them (`epochs` trials excepted).
        unseen: What could not be looked at, in words.
    """

    version: int = VERSION
    facts: Facts
    architecture: Architecture | None
    inputs: Inputs | None
    targets: Targets | None
    pairing: Pairing | None
    neighbours: Neighbours | None
    order: Order | None
    shift: Shift | None
    reference: Reference | None
    signal: Signal | None
    symmetry: Symmetry | None
    step_change: StepChange | None
    outputs: Outputs | None
    outputs_after: Outputs | None
    initial_constant: float | None
    watched: Curves | None
    looks: tuple[Look, ...]
    again: Curves | None
    trials: dict[str, Trial] = field(default_factory=dict)
    trial_steps: int = 0
    leakage: Leakage | None = None
    unseen: tuple[str, ...] = ()

    @property
    def unchanged(self) -> Curves | None:
        """The training that the trials are compared with: as long as they are, and with nothing changed."""
        beside = self.trials.get("unchanged")
        return self.watched if beside is None else beside.curves

    def gain(self, trial: str) -> float | None:
        """By how much a trial ends above the unchanged training, in score; None where it was not made, or has none.

        A training that broke scores what always giving the same answer does. Of trials too short for a score to rise,
        what they ease counts as much, also beside a training that broke before its end. What a short trial gains, the
        whole training may have made up for: it counts no more than what the whole one lacks of what simple learners
        reach.
        """
        made, base = self.trials.get(trial), self.unchanged
        if made is None or made.curves is None or base is None:
            return None
        base = self.watched if trial == "longer" else base
        one, other = self._end(made.curves), self._end(base)
        gained = None if one is None or other is None else one - other
        if base is not None and made.curves.cut and base.taken < base.planned:
            known = [value for value in (gained, self.eased(trial)) if value is not None]
            gained = max(known) if known else None
        return None if gained is None else min(gained, self._made_up)

    def eased(self, trial: str) -> float | None:
        """How much more of the training loss a trial explains, as a share of that of the best constant output.

        It tells something of trainings too short for a score; above 0 where the trial ends lower. 0 at most where the
        whole training reaches what simple learners do.
        """
        made, base = self.trials.get(trial), self.unchanged
        if made is None or made.curves is None or base is None:
            return None
        one, other = self.explained(made.curves), self.explained(base)
        if one is None or other is None:
            return None
        return min(one - other, 0.0) if self._made_up <= 0 else one - other

    @property
    def _made_up(self) -> float:
        """What a short trial can gain at most: what the whole training lacks; without end where that is not known."""
        watched, known = self.watched, self.reference
        if "unchanged" not in self.trials or watched is None or watched.cut or watched.end is None or known is None:
            return math.inf
        return max(0.0, known.best - watched.end)

    def explained(self, curves: Curves) -> float | None:
        """1 - loss / (loss of the best constant output), at the end, in [-1, 1]: 0 where nothing is learnt."""
        if not self.initial_constant or self.initial_constant <= 0 or not curves.train_loss:
            return None
        last = curves.train_loss[-1]
        return -1.0 if not math.isfinite(last) else max(-1.0, 1 - last / self.initial_constant)

    @property
    def best_gain(self) -> float | None:
        """The largest gain of a trial that changes one thing or several, but does not train for longer."""
        gains = [self.gain(name) for name in self.trials if name not in ("longer", "unchanged")]
        known = [gain for gain in gains if gain is not None]
        return max(known) if known else None

    @property
    def shortfall(self) -> float | None:
        """By how much the training ends below the best of the simple learners and of the trials, in score."""
        end = None if self.watched is None else self._end(self.watched)
        if end is None:
            return None
        others = [self._end(trial.curves) for trial in self.trials.values() if trial.curves is not None]
        others.append(None if self.reference is None else self.reference.best)
        return max([other for other in others if other is not None], default=end) - end

    def _end(self, curves: Curves | None) -> float | None:
        if curves is None:
            return None
        constant = None if self.reference is None else self.reference.constant
        return constant if curves.broke is not None and curves.end is None else curves.end

    def json(self) -> dict[str, Any]:
        """Plain data; NaN and infinities are kept as such."""
        return asdict(self)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(self.json()))


def load(source: Path | Mapping[str, Any]) -> Evidence:
    """Evidence from a file, or from what `Evidence.json` gave."""
    data = source if isinstance(source, Mapping) else json.loads(source.read_text())
    return _plain.structure(data, Evidence)
