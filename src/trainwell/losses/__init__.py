"""Losses: how far an output is from its target.

A member takes the output of the network for a batch and the target, and gives the mean over the batch::

    (output: Tensor, target: Tensor, *, ...) -> Tensor      # scalar, float32

Facts of a member:
    task: `classification` or `regression`.
"""

from torch import Tensor

from trainwell.errors import BadValue
from trainwell.family import Family

losses = Family("losses", __name__, "loss")


def aligned(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float32 and of one shape: (N, 1) goes with (N,); anything else that differs is refused.

    Broadcasting (N, 1) against (N,) would compare every output with every target.

    Raises:
        BadValue: The shapes differ.
    """
    if output.shape != target.shape:
        if output.numel() != target.numel() or output.shape[:1] != target.shape[:1]:
            raise BadValue(
                f"The output has shape {tuple(output.shape)} and the target {tuple(target.shape)}; "
                "expected one target a row and output."
            )
        target = target.reshape(output.shape)
    return output.float(), target.float()
