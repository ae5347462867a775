"""Batch norm held: the statistics of one batch used for others, so that samples no longer meet in it."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class HeldStatistics(TorchFunctionMode):
    """While it is entered, the n-th batch norm of a pass normalises by what it saw in the first pass.

    Held is what calls `F.batch_norm`, as torch's modules do, where it normalises by the batch. A batch norm that is
    written by hand goes on as it is.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: list[tuple[Tensor, Tensor]] = []
        self._next = 0

    @property
    def num_held(self) -> int:
        """Batch norms held; one that runs twice in a pass counts twice."""
        return len(self._held)

    def __enter__(self) -> "HeldStatistics":
        self._next = 0
        super().__enter__()
        return self

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        return self._batch_norm(*args, **kwargs) if func is F.batch_norm else func(*args, **kwargs)

    def _batch_norm(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training:
            return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
        if self._next == len(self._held):
            values = input.detach().float()
            over = [axis for axis in range(input.ndim) if axis != 1]
            self._held.append((values.mean(over), values.var(over, correction=0)))
        mean, var = self._held[self._next]
        self._next += 1
        return F.batch_norm(input, mean, var, weight, bias, eps=eps)
