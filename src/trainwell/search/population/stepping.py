"""The step of K optimizers: each row by its own rate, decay and momentum.

Large arrays on a CPU are stepped row by row with torch's fused kernels, which read every number once: 3 times as fast
with Adam as the same sum written out, and to the bit what a training by itself computes. Everything else is written out
over all rows.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from trainwell.search.population.stacks import Slab

STEPPED = ("adam", "adamw", "sgd")
_BY_ROW = 4096  # numbers a row from which the pass over them costs more than the call
_Rows = tuple[list[Tensor], list[list[Tensor]]]


class Stepper:
    """Optimizers of one kind over the rows of some slabs.

    Args:
        name: One of `STEPPED`.
        hyper: Hyper-parameters of each member.
        shift_rates: Factor on the rate of the shifts of norms, of each member.
        slabs: What is stepped, in place; a stepper serves as long as the rows stay who they are.
    """

    def __init__(
        self, name: str, hyper: Sequence[Mapping[str, Any]], shift_rates: Sequence[float], slabs: Sequence[Slab]
    ) -> None:
        self._name, self._hyper, self._shift_rates, self._slabs = name, hyper, shift_rates, slabs
        self._columns: dict[str, Tensor] = {}
        for slab in slabs:
            if not slab.state:
                slab.state = [torch.zeros_like(slab.values) for _ in range(1 if name == "sgd" else 2)]
        decays = name != "adam"  # which has none
        self._decay = [float(each["weight_decay"]) if decays else 0.0 for each in hyper]
        self._none = [0.0] * len(hyper)
        by_row = [slab.values.device.type == "cpu" and slab.values.shape[1] >= _BY_ROW for slab in slabs]
        self._whole = [place for place, rows in enumerate(by_row) if not rows]
        kinds = dict.fromkeys(slab.kind for slab, rows in zip(slabs, by_row, strict=True) if rows)
        self._by_row: list[tuple[list[int], list[_Rows]]] = []  # places of the slabs of one kind, and their rows
        for kind in kinds:
            places = [place for place, rows in enumerate(by_row) if rows and slabs[place].kind == kind]
            self._by_row.append((places, [_rows([slabs[place] for place in places], row) for row in range(len(hyper))]))

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rates: Sequence[float], counts: Sequence[int]) -> None:
        """Take a step.

        Args:
            gradients: Of each slab, (K, n); used up.
            rates: Of each member.
            counts: Number of this step for each member, from 1.
        """
        for places, rows in self._by_row:
            kind = self._slabs[places[0]].kind
            slopes = zip(*(gradients[place].unbind() for place in places), strict=True)
            step = self._sgd_by_row if self._name == "sgd" else self._adam_by_row
            step(rows, list(slopes), self._rates(kind, rates), self._decays(kind), counts)
        for place in self._whole:
            slab, gradient = self._slabs[place], gradients[place]
            scaled, decay = self._rates(slab.kind, rates), self._decays(slab.kind)
            if self._name == "sgd":
                self._sgd(slab, gradient, scaled, decay)
            else:
                self._adam(slab, gradient, scaled, decay, counts)

    def _rates(self, kind: str, rates: Sequence[float]) -> Sequence[float]:
        if kind != "shifts":
            return rates
        return [rate * factor for rate, factor in zip(rates, self._shift_rates, strict=True)]

    def _decays(self, kind: str) -> Sequence[float]:
        return self._decay if kind == "weights" else self._none

    def _sgd_by_row(
        self,
        rows: Sequence[_Rows],
        slopes: Sequence[tuple[Tensor, ...]],
        rates: Sequence[float],
        decay: Sequence[float],
        counts: Sequence[int],  # noqa: ARG002
    ) -> None:
        for (values, state), slope, hyper, rate, shrink in zip(rows, slopes, self._hyper, rates, decay, strict=True):
            torch._fused_sgd_(
                values,
                list(slope),
                state[0] if hyper["momentum"] > 0.0 else [],  # there is no velocity without
                weight_decay=shrink,
                momentum=hyper["momentum"],
                lr=rate,
                dampening=0.0,
                nesterov=hyper["nesterov"] and hyper["momentum"] > 0.0,
                maximize=False,
                is_first_step=False,  # the velocity starts at 0, to which the first gradient is added
            )

    def _adam_by_row(
        self,
        rows: Sequence[_Rows],
        slopes: Sequence[tuple[Tensor, ...]],
        rates: Sequence[float],
        decay: Sequence[float],
        counts: Sequence[int],
    ) -> None:
        numbers = torch.tensor(counts, dtype=torch.float32).unbind()
        terms = zip(rows, slopes, numbers, self._hyper, rates, decay, strict=True)
        for (values, state), slope, number, hyper, rate, shrink in terms:
            torch._fused_adamw_(
                values,
                list(slope),
                state[0],
                state[1],
                [],
                [number] * len(values),
                lr=rate,
                beta1=hyper["beta1"],
                beta2=hyper["beta2"],
                weight_decay=shrink,
                eps=hyper["eps"],
                amsgrad=False,
                maximize=False,
            )

    def _sgd(self, slab: Slab, gradient: Tensor, rates: Sequence[float], decay: Sequence[float]) -> None:
        values, velocity = slab.values, slab.state[0]
        momentum = self._column(values, "momentum")
        if any(decay):
            gradient.addcmul_(values, _column(decay, values))
        torch.addcmul(gradient, velocity, momentum, out=velocity)
        step = torch.addcmul(gradient, velocity, momentum) if self._hyper[0]["nesterov"] else velocity
        values.addcmul_(step, _column([-rate for rate in rates], values))

    def _adam(
        self, slab: Slab, gradient: Tensor, rates: Sequence[float], decay: Sequence[float], counts: Sequence[int]
    ) -> None:
        values, (mean, square) = slab.values, slab.state
        if any(decay):
            values.mul_(_column([1 - rate * shrink for rate, shrink in zip(rates, decay, strict=True)], values))
        mean.lerp_(gradient, 1 - self._column(values, "beta1"))
        square.lerp_(gradient.square_(), 1 - self._column(values, "beta2"))
        terms = list(zip(self._hyper, rates, counts, strict=True))
        lengths = [-rate / (1 - hyper["beta1"] ** t) for hyper, rate, t in terms]
        scales = [1 / (1 - hyper["beta2"] ** t) for hyper, _, t in terms]
        size = torch.mul(square, _column(scales, values), out=gradient).sqrt_().add_(self._column(values, "eps"))
        values.addcmul_(torch.div(mean, size, out=size), _column(lengths, values))

    def _column(self, like: Tensor, name: str) -> Tensor:
        if name not in self._columns:
            self._columns[name] = _column([each[name] for each in self._hyper], like)
        return self._columns[name]


def _rows(slabs: Sequence[Slab], row: int) -> _Rows:
    """Values, and what the optimizer remembers of them, of one member in some slabs."""
    return [slab.values[row] for slab in slabs], [
        [slab.state[n][row] for slab in slabs] for n in range(len(slabs[0].state))
    ]


class Clipper:
    """Bounds on the gradients of each member.

    Args:
        norms: Greatest length of the gradient of each member; infinite where there is no such bound.
        values: Greatest size of its numbers; infinite where there is no such bound.
        device: Where the gradients are.
    """

    def __init__(self, norms: Sequence[float], values: Sequence[float], device: torch.device) -> None:
        self._norms = None if min(norms) == math.inf else torch.tensor(norms, device=device)
        self._values = None if min(values) == math.inf else torch.tensor(values, device=device)[:, None]

    def clip(self, gradients: Sequence[Tensor]) -> None:
        """Clip in place."""
        if self._norms is not None:
            lengths = torch.stack([torch.linalg.vector_norm(gradient, dim=1) for gradient in gradients])
            norms = torch.linalg.vector_norm(lengths, dim=0)
            factors = (self._norms / (norms + 1e-6)).clamp(max=1.0)
            if factors.device.type != "cpu" or not bool((factors == 1.0).all()):
                for gradient in gradients:
                    gradient.mul_(factors[:, None])
        if self._values is not None:
            for gradient in gradients:
                torch.clamp(gradient, -self._values, self._values, out=gradient)


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    """(K, 1), one number a row."""
    return torch.tensor(values, dtype=like.dtype).to(like.device, non_blocking=True)[:, None]
