"""Rules: what in a recipe contradicts itself, the network or the data, by the book; asked before anything is trained.

A member looks at a case and says what is wrong with it, or None::

    (case: Case) -> Breach | None

It works for any network: what it needs to know of one it reads from the layers that a batch really passes through
(`trainwell.probes.flow`), never from names alone. A recipe silences a rule by its id: `silence=selu_norm`.

Facts of a member:
    severity: `error`: training is refused. `warning`: said, and training goes on. `note`: good to know.
    looks_inside: Whether it needs the flow of the network, which cannot be had of every network.
    final: Whether training fails without the change, so that to silence the rule helps nothing; False if absent.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from trainwell.diagnoses import Finding, Severity
from trainwell.family import Family, Member
from trainwell.models import models
from trainwell.probes.flow import PASSIVE, Flow, Kind, Operation, trace
from trainwell.recipe import Recipe
from trainwell.recipes import Shape

rules = Family("rules", __name__, "rule")

LARGE_INPUTS = 5.0  # root mean square beyond which inputs count as not standardised: they are to be about 1
_SCALED: frozenset[Kind] = PASSIVE | {"scale"}
_TRACED = 2  # samples that are sent through to see the layers; more show nothing new


@dataclass(frozen=True, eq=False)
class Case:
    """What is about to be trained.

    Args:
        recipe: The recipe.
        shape: What the data is.
        splits: Number of samples by part.
        model: The network as it will be trained, of whatever origin.
        x: Some training inputs as the network gets them, preprocessed and not augmented, (N, ...).
        y: Their targets.
        loss: (output, target) -> scalar: what is minimised.
        groups: Parameter groups of the optimizer, with their `weight_decay`.
        shared: Training samples that another part holds too, by part.
        counts: Training samples of each class; none in regression.
    """

    recipe: Recipe
    shape: Shape
    splits: Mapping[str, int]
    model: nn.Module
    x: Any
    y: Tensor
    loss: Callable[[Any, Tensor], Tensor]
    groups: Sequence[Mapping[str, Any]]
    shared: Mapping[str, int] = field(default_factory=dict)
    counts: tuple[int, ...] = ()

    @property
    def batch_size(self) -> int:
        """Samples a step: never more than the training split has."""
        return min(self.recipe.batch_size, self.splits["train"])

    @functools.cached_property
    def flow(self) -> Flow:
        """The layers that a batch passes through; raises `BadValue` where the network cannot be looked into."""
        return trace(self.model, self.x[:_TRACED])

    @functools.cached_property
    def input_size(self) -> float:
        """Root mean square of the inputs, 1 where they are standardised; 0 where they are no numbers."""
        if not isinstance(self.x, Tensor) or not self.x.is_floating_point():
            return 0.0
        return float(self.x.float().square().mean().sqrt())

    def hidden(self, *ids: str) -> list[Operation]:
        """The activations of these ids between two layers; a gate, which is multiplied onto something, is none."""
        flow = self.flow
        found = [op for op in flow.of("activation") if op.id in ids]
        between = [op for op in found if flow.comes_from_layer(op) and flow.leads_on(op)]
        return [op for op in between if any(reader.kind != "product" for reader in flow.behind(op, _SCALED))]

    def change(self, otherwise: str, **arguments: str) -> str:
        """`Set model.norm=none.` for the arguments that the recipe's model has; for others what to do instead."""
        known = models[self.recipe.model.name].hyper
        edits = [f"model.{name}={value}" for name, value in arguments.items() if name in known]
        return f"Set {' or '.join(edits)}." if edits else otherwise


@dataclass(frozen=True)
class Breach:
    """What a rule found.

    Args:
        message: What was seen, against what was expected.
        advice: Why it matters, and what to change.
        evidence: The numbers.
        severity: Where it differs from that of the rule.
    """

    message: str
    advice: str
    evidence: dict[str, Any] = field(default_factory=dict)
    severity: Severity | None = None


def ask(rule: Member, case: Case) -> Finding | None:
    """What a rule says of a case, as a finding under the id of the rule."""
    breach: Breach | None = rule.make(case)
    if breach is None:
        return None
    severity = breach.severity or rule.facts["severity"]
    return Finding(rule.id, severity, breach.message, breach.advice, breach.evidence)


def listed(operations: Sequence[Operation], most: int = 3) -> str:
    """Names of the operations, the first few of them."""
    names = list(dict.fromkeys(op.name for op in operations))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def decay_of(parameter: nn.Parameter, groups: Sequence[Mapping[str, Any]]) -> float:
    """The weight decay that acts on a parameter; 0 where no group has it."""
    of = [group.get("weight_decay", 0.0) for group in groups if any(parameter is each for each in group["params"])]
    return float(of[0]) if of else 0.0
