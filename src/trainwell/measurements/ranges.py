"""Ranges of units: the lowest and highest output of each one over many batches."""

from collections.abc import Mapping

import torch
from torch import Tensor


class UnitRanges:
    """Lowest and highest output of each unit over the last batches that were added.

    A batch is too few samples to tell a dead unit from one that is seldom active. Ranges are gathered in blocks; what
    is given covers the block at hand and the one before, so that a unit that died is known after two blocks, and one
    that woke at once.

    Args:
        block: Samples after which a block is full.
    """

    def __init__(self, block: int = 500) -> None:
        self._block = block
        self._before: dict[str, Tensor] = {}
        self._now: dict[str, Tensor] = {}
        self._samples_before = self._samples_now = 0

    @torch.no_grad()
    def add(self, activations: Mapping[str, Tensor], samples: int) -> None:
        """Take in a batch.

        Args:
            activations: Outputs by name, each (N, ..., U); a layer that has other units than before starts anew.
            samples: Number of samples of the batch.
        """
        if self._samples_now >= self._block:
            self._before, self._now = self._now, {}
            self._samples_before, self._samples_now = self._samples_now, 0
        for name, output in activations.items():
            if output.numel():
                self._now[name] = _joined(_range(output), self._now.get(name))
        self._samples_now += samples

    @property
    def samples(self) -> int:
        """Number of samples that the ranges cover."""
        return self._samples_before + self._samples_now

    @torch.no_grad()
    def ranges(self) -> dict[str, Tensor]:
        """Lowest and highest output of each unit, (2, U), by the name of the layer."""
        return {name: _joined(now, self._before.get(name)) for name, now in self._now.items()}

    def state_dict(self) -> dict[str, Tensor]:
        """All that was gathered."""
        blocks = {"before": self._before, "now": self._now}
        ranges = {f"{block}.{name}": value for block, layers in blocks.items() for name, value in layers.items()}
        return {"samples": torch.tensor([self._samples_before, self._samples_now])} | ranges

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what was gathered."""
        self._before, self._now = (
            {key.removeprefix(block): value for key, value in state.items() if key.startswith(block)}
            for block in ("before.", "now.")
        )
        self._samples_before, self._samples_now = map(int, state["samples"].tolist())


def _range(output: Tensor) -> Tensor:
    """(N, ..., U) -> (2, U), along the memory: any other order takes some thirty times as long."""
    if output.ndim > 2 and output.stride(-1) != 1:  # units before places, as convolutions have them
        places = output.movedim(-1, 1).flatten(2)
        return torch.stack((places.amin(2).amin(0), places.amax(2).amax(0)))
    low, high = output.amin(0), output.amax(0)
    return (
        torch.stack((low.flatten(0, -2).amin(0), high.flatten(0, -2).amax(0)))
        if low.ndim > 1
        else torch.stack((low, high))
    )


def _joined(one: Tensor, other: Tensor | None) -> Tensor:
    if other is None or other.shape != one.shape:
        return one
    return torch.stack((torch.minimum(one[0], other[0]), torch.maximum(one[1], other[1])))
