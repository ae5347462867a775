"""Criterion: which of torch's losses a loss of one's own comes down to, by what it calls and not by its name."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from trainwell.probes.contents import fresh, tensors
from trainwell.probes.experiment import Loss
from trainwell.probes.state import untouched

_NAMES = tuple(name for name in dir(functional) if name.endswith("_loss") or name in ("cross_entropy", "kl_div"))
LOSSES = (*_NAMES, "binary_cross_entropy", "binary_cross_entropy_with_logits")
"""Names of torch's functions that are losses."""


def criterion(loss: Loss, output: Any, target: Any, *, seed: int = 0) -> str | None:
    """Call the loss, and see which of torch's losses it calls with the output and the target as they are.

    Layout and type do not count: `F.mse_loss(output.squeeze(1), target.float())` is `mse_loss`. What lies between does:
    `F.nll_loss(F.log_softmax(output, 1), target)` takes other numbers than `nll_loss`, and is a loss of its own.

    Args:
        loss: (output, target) -> scalar. A module is copied first.
        output: What the network gives for a batch.
        target: Its targets.
        seed: Seed of what the loss draws.

    Returns:
        Name of the function, such as `cross_entropy`; empty where there are several, or one that is given something
        else than output and target; None where none is called.
    """
    module = loss if isinstance(loss, nn.Module) else None
    given, wanted = fresh(output), fresh(target)
    seen = _Calls([tensor for _, tensor in tensors(given)], [tensor for _, tensor in tensors(wanted)])
    with torch.no_grad(), untouched(module, seed=seed) as copies, seen:
        (loss if module is None else copies[0])(given, wanted)
    if not seen.found:
        return None
    return seen.found[0] if len(set(seen.found)) == 1 else ""


class _Calls(TorchFunctionMode):
    """Writes down which losses are called, each as an empty name where it gets other numbers."""

    def __init__(self, outputs: list[Tensor], targets: list[Tensor]) -> None:
        super().__init__()
        self.found: list[str] = []
        self._outputs = [output.detach().clone() for output in outputs]
        self._targets = [target.detach().clone() for target in targets]

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in LOSSES:
            first, second = (*args, kwargs.get("input"), kwargs.get("target"))[:2]
            direct = _among(first, self._outputs) and _among(kwargs.get("target", second), self._targets)
            self.found.append(name if direct else "")
        return func(*args, **kwargs)


def _among(value: Any, known: list[Tensor]) -> bool:
    """Whether the tensor holds the numbers of one that is known, in their order."""
    if not isinstance(value, Tensor):
        return False
    flat = value.detach().reshape(-1).double()
    alike = [one for one in known if one.numel() == flat.numel() and not one.is_complex()]
    return any(torch.equal(flat.nan_to_num(), one.reshape(-1).double().nan_to_num()) for one in alike)
