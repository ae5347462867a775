"""Work: what a step of training costs, in a unit that is the same on every machine and in every run."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from trainwell.probes.parts import Parts
from trainwell.probes.state import same_random_states

_RATE = 1.5e10  # floating-point operations a second, on one core of a server
_CALL = 2.5e-6  # seconds for an operation of torch, however small
_BYTES = 4e9  # bytes of results a second


class _Counter(FlopCounterMode):
    """Counts operations, and the numbers they make, beside floating-point operations."""

    def __init__(self) -> None:
        super().__init__(display=False)
        self.calls = 0
        self.numbers = 0

    def _count_flops(self, func_packet, out, args, kwargs):  # type: ignore[no-untyped-def]
        self.calls += 1
        first = out[0] if isinstance(out, tuple | list) and out else out
        self.numbers += first.numel() if isinstance(first, torch.Tensor) else 0
        return super()._count_flops(func_packet, out, args, kwargs)


def step_seconds(given: Parts) -> float:
    """About how long a step takes on one core, from what it computes and not from a clock.

    Recurrent layers run in one fused operation that no counter sees into; what they do is added from their sizes.
    """
    trial = given.copy()
    trial.model.train()
    order = torch.arange(min(given.batch_size, len(given.train)))
    with same_random_states(), torch.enable_grad():
        x, y = trial.train.batch(order)
        counter = _Counter()
        with counter:
            value = trial.loss(trial.forward(trial.model, x), y)
            if value.requires_grad:
                value.backward()
        places = sum(x.shape[1] for x in [x] if isinstance(x, torch.Tensor) and x.ndim == 3)
        recurrent = [module for module in trial.model.modules() if isinstance(module, nn.RNNBase)]
        fused = sum(2 * len(order) * places * sum(p.numel() for p in module.parameters()) for module in recurrent)
        calls = counter.calls + 12 * places * len(recurrent)
    parameters = [p for p in trial.model.parameters() if p.requires_grad]
    moved = 16 * sum(p.numel() for p in parameters) + 4 * counter.numbers
    calls += 12 * len(parameters) + 20
    return (counter.get_total_flops() + fused) / _RATE + calls * _CALL + moved / _BYTES
