"""A recipe as the doctor sees it: the parts of a training program."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainwell.data.batches import Feed
from trainwell.errors import BadValue
from trainwell.penalties import penalties
from trainwell.probes.parts import Parts
from trainwell.probes.samples import Samples
from trainwell.schedules import reaction
from trainwell.training.setup import Loss, Setup

_LEFT_OUT = ("augment", "clip", "average")


class Planned(LRScheduler):
    """A schedule whose multipliers are known beforehand, one a step.

    Args:
        optimizer: With the peak rate in each group.
        multipliers: What the rate is multiplied by; the last one stays.

    Attributes:
        total_steps: Steps over which the multipliers are spread; their number, unless the training is made longer.
    """

    def __init__(self, optimizer: Optimizer, multipliers: Sequence[float]) -> None:
        self.multipliers, self.total_steps = tuple(multipliers), len(multipliers)
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """The rate of each group at this step."""
        place = self.last_epoch * len(self.multipliers) // self.total_steps  # what torch calls an epoch is a step here
        return [base * self.multipliers[min(place, len(self.multipliers) - 1)] for base in self.base_lrs]


def program_of(setup: Setup) -> Parts:
    """The program that a recipe bound to data comes down to; `left_out` says what it lacks.

    Epochs are whole ones, samples are read as they are, and everything computes in the precision of the weights.

    Args:
        setup: A recipe bound to data. Its network is moved to its device, otherwise it is left as it was.

    Raises:
        BadValue: There is no validation split.
    """
    if "valid" not in setup.feeds:
        raise BadValue(
            "A repair is proven on samples that nothing is trained on, and this data has no validation split. "
            "Add one, or leave --repair out."
        )
    recipe, model = setup.recipe, setup.model.to(setup.device)
    batch_size = setup.feeds["train"].batch_size
    optimizer = setup.optimizer(model, setup.rate)
    return Parts(
        model=model,
        loss=_penalised(setup, model),
        optimizer=optimizer,
        train=_samples(setup.feeds["train"]),
        valid=_samples(setup.feeds["valid"]),
        batch_size=batch_size,
        epochs=max(1, round(recipe.epochs)),
        scheduler=Planned(optimizer, setup.plan([recipe.epochs]).multipliers),
        task="classification" if setup.num_classes else "regression",
    )


def left_out(setup: Setup) -> list[str]:
    """Fields of the recipe that the program lacks, because a script has no place for them."""
    found = [name for name in _LEFT_OUT if getattr(setup.recipe, name)]
    found += [part.name for part in setup.recipe.penalties if penalties[part.name].facts.get("constraint")]
    found += ["balance"] if setup.recipe.balance == "sampler" else []
    return found + (["schedule"] if reaction(setup.recipe.schedule) is not None else [])


def _penalised(setup: Setup, model: nn.Module) -> Loss:
    added: list[Callable[[nn.Module], Tensor]] = [
        penalties.bind(part) for part in setup.recipe.penalties if not penalties[part.name].facts.get("constraint")
    ]
    if not added:
        return setup.loss
    plain = setup.loss

    def loss(output: Tensor, target: Tensor) -> Tensor:
        return plain(output, target) + sum(penalty(model) for penalty in added)

    return loss


def _samples(feed: Feed) -> Samples:
    def read(numbers: Tensor) -> tuple[Any, Any]:
        return feed.some(numbers.to(torch.int64))

    return Samples(len(feed), read)
