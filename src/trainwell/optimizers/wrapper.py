"""Optimizers around another one: they share its groups and its state."""

from typing import Any

import torch

from trainwell.errors import BadValue
from trainwell.family import Part
from trainwell.optimizers import Groups, optimizers, with_rates


class Wrapper(torch.optim.Optimizer):
    """An optimizer around another one. The groups and the state of the two are the same objects.

    So a rate that is set in a group of either holds for both, and the state is saved once.

    Args:
        inner: What takes the steps.
    """

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        super().__init__(inner.param_groups, inner.defaults)
        self.inner = inner
        self._share()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.inner.load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        self.param_groups, self.state = self.inner.param_groups, self.inner.state


def wrapped(groups: Groups, inner: Part | str, lr: float, *, by: str) -> torch.optim.Optimizer:
    """The optimizer to be wrapped, at the rate of the wrapper.

    Args:
        groups: Parameter groups.
        inner: One of `optimizers`.
        lr: Learning rate.
        by: Id of the wrapper, for messages.

    Raises:
        BadValue: `inner` has a rate of its own, or takes two passes a step itself.
    """
    part = optimizers.part(inner)
    member = optimizers[part.name]
    default = member.hyper["lr"].default if "lr" in member.hyper else None
    own = part.args.get("lr", default)
    if own != default:
        raise BadValue(
            f"{by}.inner.lr={own!r} would have no effect: the rate of {by} is that of the optimizer within. "
            f"Set {by}.lr instead."
        )
    if member.facts.get("two_pass"):
        way = "Take one of one pass, such as sgd or adamw"
        if part.name != by:
            way = f"Wrap the other way round: {part.name} with inner={by!r}"
        raise BadValue(f"{by}.inner={part.name!r} is not possible: it takes two passes a step. {way}.")
    return optimizers.build(optimizers.part(part, lr=lr), with_rates(groups, lr))
