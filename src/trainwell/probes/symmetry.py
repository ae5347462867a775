"""Symmetry: units that are copies of each other, and stay so, because their weights and their gradients are equal."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from trainwell.probes.experiment import Batch, Forward, Loss, experiment
from trainwell.probes.overfit import without_dropout

_ROUNDING = 1e-4  # share of its length by which one of two equal rows may be off, after sums of many float32 terms


@dataclass(frozen=True, kw_only=True)
class Units:
    """The units of one layer: the rows of its weights, with their entries of the bias.

    Args:
        name: Dotted name of the module; of a parametrised weight that of its parametrisation.
        num_units: U.
        equal: Share of the units whose weights and bias equal those of another one.
        equal_weights: The same without the bias.
        equal_gradients: Share of the units whose gradient equals that of another one; None where no gradient came.
        same: Share of the units whose weights, bias and gradients all equal those of one other unit: a step of any
            optimizer leaves them alike. None where no gradient came.
        different: How many different units there are, by weights and bias.
        constant: Whether all weights are one number.
        zero: Whether all weights are 0.
        zero_gradient: Whether the gradient of the weights is 0; None where none came.
    """

    name: str
    num_units: int
    equal: float
    equal_weights: float
    equal_gradients: float | None
    same: float | None
    different: int
    constant: bool
    zero: bool
    zero_gradient: bool | None


@dataclass(frozen=True, kw_only=True)
class Symmetry:
    """Result of `symmetry`.

    Args:
        layers: Every module with a weight of two axes or more, in the order the model holds them.
        equal: Share of equal units among those of all layers of two units or more; None without such layers.
        same: The share of `same` among those of layers whose gradient came; None without such layers.
        zero: Layers whose weights are 0.
        constant: Layers whose weights are one number, 0 or another.
        repeated: Layers with the same weights, though they are not one, in groups; constant ones are left out.
        unseen: What could not be looked at, in words.
    """

    layers: tuple[Units, ...]
    equal: float | None
    same: float | None
    zero: tuple[str, ...]
    constant: tuple[str, ...]
    repeated: tuple[tuple[str, ...], ...]
    unseen: tuple[str, ...]


def symmetry(model: nn.Module, loss: Loss, sample: Batch, *, forward: Forward | None = None, seed: int = 0) -> Symmetry:
    """Compare the units of each layer, by their weights and by their gradients after one batch.

    Weights that are equal do no harm where gradients differ: the last layer may start from zeros. Gradients that are
    equal do none where weights differ: units that are all dead have gradients of 0. The model is in training mode, and
    no layer drops, since the draws of dropout would tell equal units apart for one batch.

    Args:
        model: Any module; a copy is looked at.
        loss: (output, target) -> scalar.
        sample: (x, y); some samples of several classes.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws.

    Raises:
        BadValue: The network cannot be copied, or the loss is no scalar.
    """
    plain = getattr(model, "_orig_mod", model)
    unseen: list[str] = []
    with experiment(plain, loss, forward, seed) as trial:
        without_dropout(trial.model)
        value = trial.loss(sample, 0)[0]
        if value.requires_grad:
            value.backward()
        else:
            unseen.append("gradients: the loss has no graph")
        layers: list[Units] = []
        alike: dict[tuple[int, ...], list[tuple[str, Tensor]]] = {}
        met: set[int] = set()
        for name, module in trial.model.named_modules():
            weights, biases = _own(module)
            if not weights or id(weights[0]) in met:
                continue
            met.add(id(weights[0]))
            if isinstance(module, _ConvTransposeNd) and module.groups > 1:
                unseen.append(f"{name}: the units of a transposed convolution in groups lie on no axis of their own")
                continue
            axis = 1 if isinstance(module, _ConvTransposeNd) else 0
            found = _units(name, weights, biases, axis)
            layers.append(found)
            if not found.constant:
                alike.setdefault(tuple(weights[0].shape), []).append((name, weights[0].detach()))
    several = [units for units in layers if units.num_units > 1]
    return Symmetry(
        layers=tuple(layers),
        equal=_mean([(units.equal, units.num_units) for units in several]),
        same=_mean([(units.same, units.num_units) for units in several if units.same is not None]),
        zero=tuple(units.name for units in layers if units.zero),
        constant=tuple(units.name for units in layers if units.constant),
        repeated=tuple(group for same_shape in alike.values() for group in _repeated(same_shape)),
        unseen=tuple(unseen),
    )


def _own(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The module's own weights that share an axis of units, and what it has for each unit besides."""
    own = [p for p in module.parameters(recurse=False) if p.numel()]
    weights = [p for p in own if p.ndim > 1]
    if not weights:
        return [], []
    count = len(weights[0])
    if isinstance(module, _ConvTransposeNd):
        return weights, [p for p in own if p.ndim == 1 and len(p) == weights[0].shape[1]]
    return [p for p in weights if len(p) == count], [p for p in own if p.ndim == 1 and len(p) == count]


def _units(name: str, weights: list[nn.Parameter], biases: list[nn.Parameter], axis: int) -> Units:
    values = torch.cat([_rows(p.detach(), axis) for p in weights], dim=1)
    offsets = [p.detach().float()[:, None] for p in biases]
    by_weights = _groups(values)
    by_all = _joined(by_weights, _groups(torch.cat(offsets, dim=1))) if offsets else by_weights
    gradients = [_rows(_dense(p.grad), axis) for p in weights if p.grad is not None]
    gradients += [_dense(p.grad).float()[:, None] for p in biases if p.grad is not None]
    by_gradient = _groups(torch.cat(gradients, dim=1)) if gradients else None
    arrived = [p.grad for p in weights if p.grad is not None]
    constant = bool((values == values[0, 0]).all())
    return Units(
        name=name,
        num_units=len(values),
        equal=_share(by_all),
        equal_weights=_share(by_weights),
        equal_gradients=None if by_gradient is None else _share(by_gradient),
        same=None if by_gradient is None else _share(_joined(by_all, by_gradient)),
        different=len(by_all.unique()),
        constant=constant,
        zero=constant and not values.any(),
        zero_gradient=not any(bool(_dense(gradient).any()) for gradient in arrived) if arrived else None,
    )


def _rows(tensor: Tensor, axis: int) -> Tensor:
    return tensor.float().movedim(axis, 0).reshape(tensor.shape[axis], -1)


def _dense(gradient: Tensor) -> Tensor:
    return gradient.to_dense() if gradient.is_sparse else gradient


def _groups(rows: Tensor) -> Tensor:
    """The group of each row, (U,) int64; rows that are equal up to rounding are of one group.

    Rows are put in the order of their products with a vector that is drawn: equal ones come to lie side by side.

    Args:
        rows: (U, K) float32.
    """
    largest = float(rows.abs().max())
    if not math.isfinite(largest):
        return torch.arange(len(rows), device=rows.device)  # NaN equals nothing
    if largest:
        rows = rows / largest  # squares of small gradients would be 0
    direction = torch.randn(rows.shape[1], generator=torch.Generator().manual_seed(0)).to(rows.device)
    order = (rows @ direction).argsort(stable=True)
    placed = rows[order]
    apart = (placed[1:] - placed[:-1]).norm(dim=1)
    length = torch.maximum(placed[1:].norm(dim=1), placed[:-1].norm(dim=1))
    begins = torch.cat((torch.zeros(1, device=rows.device), (apart > _ROUNDING * length).float())).long()
    groups = torch.empty_like(order)
    groups[order] = begins.cumsum(0)
    return groups


def _joined(one: Tensor, other: Tensor) -> Tensor:
    """Groups of what is in one group by both."""
    return one * len(other) + other


def _share(groups: Tensor) -> float:
    """Share of what is not alone in its group."""
    counts = groups.unique(return_counts=True)[1]
    return float(counts[counts > 1].sum()) / len(groups)


def _repeated(layers: list[tuple[str, Tensor]]) -> list[tuple[str, ...]]:
    found: list[list[tuple[str, Tensor]]] = []
    for name, weight in layers:
        group = next((group for group in found if torch.equal(group[0][1], weight)), None)
        if group is None:
            found.append([(name, weight)])
        else:
            group.append((name, weight))
    return [tuple(name for name, _ in group) for group in found if len(group) > 1]


def _mean(shares: list[tuple[float, int]]) -> float | None:
    return sum(share * count for share, count in shares) / sum(count for _, count in shares) if shares else None
