"""Steps: what the optimizer does to the weights, seen where it does it."""

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.probes.step_change import Change, StepChange

_SOME = 2**16  # numbers of a weight by which its update is measured


@dataclass(frozen=True, eq=False)
class Taken:
    """A step that was looked at; its numbers are on the device.

    Args:
        names: Of all parameters.
        graded: Places of those that have a gradient.
        gradients: Their norms, (G,), unscaled.
        norms: ||w|| after the step, (P,).
        updates: ||dw|| / ||w||, (P,), by some of the numbers where they are many; NaN where ||w|| is 0.
        changed: Share of these numbers that are others than before, (P,).
    """

    names: tuple[str, ...]
    graded: tuple[int, ...]
    gradients: Tensor
    norms: Tensor
    updates: Tensor
    changed: Tensor


class Steps:
    """Counts the steps of an optimizer, and looks at one whenever `wanted` is set.

    The gradients are those that the step is taken with: after clipping, freed of the scale of mixed precision. A step
    that the scaler leaves out is none.

    Args:
        model: The network itself.
        optimizer: The optimizer over its parameters.
        after: Called after each step.

    Attributes:
        taken: Steps so far.
        wanted: Whether the next step is to be looked at; put back by it.
        last: The last step that was looked at.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, after: Callable[[], None]) -> None:
        self.model, self.optimizer = model, optimizer
        self.taken = 0
        self.wanted = False
        self.last: Taken | None = None
        self._after = after
        self._parameters = dict(model.named_parameters())
        self._before: list[Tensor] = []
        self._gradients: tuple[tuple[int, ...], Tensor] | None = None
        self._attached = contextlib.ExitStack()
        self._attached.callback(optimizer.register_step_pre_hook(self._ahead).remove)
        self._attached.callback(optimizer.register_step_post_hook(self._behind).remove)

    def close(self) -> None:
        """Take the hooks off."""
        self._attached.close()
        self._before = []

    @torch.no_grad()
    def _ahead(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self.wanted:
            return
        self._before = [_some(p).clone() for p in self._parameters.values()]
        # A closure will make the gradients within the step.
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        self._gradients = None if closure is not None else self._lengths(getattr(optimizer, "grad_scale", None))

    @torch.no_grad()
    def _behind(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        if self.wanted and self._before:
            self.wanted = False
            now, before = [p.detach() for p in self._parameters.values()], self._before
            self._before = []
            some = [_some(p) for p in now]
            moved = norms_of([one - other for one, other in zip(some, before, strict=True)])
            graded, gradients = self._gradients or self._lengths(None)
            self.last = Taken(
                tuple(self._parameters),
                graded,
                gradients,
                norms_of(now),
                torch.where(moved > 0, moved / norms_of(before), moved),
                together([(one != other).float().mean() for one, other in zip(some, before, strict=True)]),
            )
        self.taken += 1
        self._after()

    def _lengths(self, scale: Tensor | None) -> tuple[tuple[int, ...], Tensor]:
        """Places of the parameters with a gradient, and its norms."""
        found = {place: p.grad for place, p in enumerate(self._parameters.values()) if p.grad is not None}
        dense = [gradient.coalesce().values() if gradient.is_sparse else gradient for gradient in found.values()]
        lengths = norms_of(dense)
        return tuple(found), lengths if scale is None else lengths / scale.to(lengths.device)


def _some(parameter: Tensor) -> Tensor:
    """A view of some of the numbers, taken along the longest axis."""
    parameter = parameter.detach()
    every = math.ceil(parameter.numel() / _SOME)
    if every <= 1:
        return parameter
    axis = max(range(parameter.ndim), key=lambda place: parameter.shape[place])
    return parameter[(slice(None),) * axis + (slice(None, None, every),)]


def norms_of(values: list[Tensor]) -> Tensor:
    """L2 norms of tensors, (P,), float32, on the device of the first."""
    return together(list(torch._foreach_norm(values, 2.0, torch.float32))) if values else torch.zeros(0)


def together(values: list[Tensor]) -> Tensor:
    """Scalars, wherever they are, as one tensor on the device of the first."""
    return torch.stack([value.to(values[0].device, non_blocking=True) for value in values])


@dataclass(eq=False)
class Ever:
    """What became of each parameter over all steps that were looked at.

    Args:
        graded: Got a gradient.
        pulled: Got one that is not 0.
        moved: Was changed.
    """

    graded: set[str]
    pulled: set[str]
    moved: set[str]


def step_change(steps: Steps, looks: list[Taken], losses: tuple[float, ...]) -> StepChange:
    """The same numbers as `trainwell.probes.step_change` gives, by the steps of the training itself.

    Whatever compares two losses is left out: the batches were others. A parameter counts as without gradient, or as not
    moved, if it was so in every step that was looked at.

    Args:
        steps: Model and optimizer.
        looks: The steps that were looked at, one or more.
        losses: Of the first batches.
    """
    first, last = looks[0], looks[-1]
    ever = Ever(set(), set(), set())
    for look in looks:
        lengths = look.gradients.tolist()
        ever.graded |= {look.names[place] for place in look.graded}
        ever.pulled |= {look.names[place] for place, length in zip(look.graded, lengths, strict=True) if length != 0}
        ever.moved |= {name for name, share in zip(look.names, look.changed.tolist(), strict=True) if share}
    named = dict(steps.model.named_parameters())
    held = [id(p) for group in steps.optimizer.param_groups for p in group["params"]]
    own = {id(p) for p in named.values()}
    gradients = dict(zip((first.names[place] for place in first.graded), first.gradients.tolist(), strict=True))
    rows = zip(first.names, first.norms.tolist(), first.updates.tolist(), first.changed.tolist(), strict=True)
    now = dict(zip(last.names, last.norms.tolist(), strict=True))
    changes = tuple(
        Change(
            name=name,
            trainable=named[name].requires_grad,
            held=held.count(id(named[name])),
            norm=norm,
            gradient=gradients.get(name),
            first=update if math.isfinite(update) else None,
            all=None,
            changed=changed,
            moved=name in ever.moved,
            drift=now[name] / norm if norm else None,
        )
        for name, norm, update, changed in rows
    )
    moves = [change for change in changes if change.trainable]
    start, length = math.hypot(*[c.norm for c in moves]), math.hypot(*[(c.first or 0.0) * c.norm for c in moves])
    end = math.hypot(*[now[c.name] for c in moves])
    return StepChange(
        losses=losses,
        fell=len(losses) > 1 and losses[-1] < losses[0],
        agreement=None,
        descends=None,
        first=length / start if start else None,
        drift=end / start if start else None,
        changes=changes,
        not_held=tuple(c.name for c in moves if not c.held),
        frozen=tuple(c.name for c in changes if not c.trainable),
        no_gradient=tuple(c.name for c in moves if c.name not in ever.graded),
        zero_gradient=tuple(c.name for c in moves if c.name in ever.graded - ever.pulled),
        unmoved=tuple(c.name for c in moves if c.held and not c.moved),
        of_loss=0,
        foreign=tuple(
            tuple(p.shape) for group in steps.optimizer.param_groups for p in group["params"] if id(p) not in own
        ),
    )
