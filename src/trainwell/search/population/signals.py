"""What goes into K networks at once, and the forms that it takes on the way.

Inputs are kept once for all members that share them. Behind the first layer with weights a signal has a form of its own
for each member: rows lie as (K, F, B), which makes every linear layer one batched product without a copy; maps lie as
(B, K C, H, W), which makes every norm and pooling the plain one over K C channels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainwell.training.engine import Engine


@dataclass(frozen=True)
class Inputs:
    """Batches of samples, each shared by a run of members next to each other.

    Args:
        values: (G, B, ...), one batch a run.
        sizes: Members of each run; their sum is K.
        channels_last: Whether maps that come of it lie in memory channels last: the order in which masks are drawn.
    """

    values: Tensor
    sizes: tuple[int, ...]
    channels_last: bool = False

    @property
    def shared(self) -> bool:
        """Whether all members see the same batch."""
        return len(self.sizes) == 1

    def flattened(self) -> "Inputs":
        """The samples as rows."""
        return Inputs(self.values.flatten(2), self.sizes)

    def times(self, weight: Tensor) -> Tensor:
        """Rows through a linear map a member, (K, O, F) -> (K, O, B).

        Members that share a batch are one product: (K O, F) by (F, B), in this order, as the other one is slower.
        """
        if max(self.sizes) == 1:
            return torch.bmm(weight, self.values.transpose(1, 2))
        parts = zip(weight.split(self.sizes), self.values, strict=True)
        found = [(part.reshape(-1, part.shape[2]) @ batch.t()).view(*part.shape[:2], -1) for part, batch in parts]
        return found[0] if self.shared else torch.cat(found)

    def spread(self) -> Tensor:
        """A copy for each member: rows as (K, F, B), images as (B, K C, H, W)."""
        index = torch.tensor(self.sizes, device=self.values.device)
        each = self.values.repeat_interleave(index, 0)
        return each.transpose(1, 2) if each.dim() == 3 else joined(each)


def placed(inputs: Inputs, engine: Engine) -> Inputs:
    """Images in the memory layout of the engine."""
    if engine.layout != "contiguous" or inputs.values.dim() < 5:
        return inputs
    grey = inputs.values.shape[2] == 1  # contiguous either way, and torch goes on as they came
    return Inputs(inputs.values.contiguous(), inputs.sizes, inputs.channels_last and grey)


def is_channels_last(maps: Tensor) -> bool:
    """Whether torch takes (B, C, H, W) for channels last."""
    return maps.dim() == 4 and maps.stride(1) == 1 and maps.is_contiguous(memory_format=torch.channels_last)


def joined(maps: Tensor) -> Tensor:
    """(K, B, C, H, W) -> (B, K C, H, W)."""
    return maps.transpose(0, 1).flatten(1, 2)


def as_rows(features: Tensor, members: int) -> Tensor:
    """(B, K F, ...) -> (K, F ..., B)."""
    return features.reshape(len(features), members, -1).permute(1, 2, 0).contiguous()


def per_member(values: Tensor, signal: Tensor) -> Tensor:
    """One number a member, (K,), in a form that goes with the signal."""
    if signal.dim() == 3:
        return values[:, None, None]
    return values.repeat_interleave(signal.shape[1] // len(values))[:, None, None]
