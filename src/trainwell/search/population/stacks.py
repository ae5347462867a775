"""Weights and buffers of K networks of one shape, side by side in arrays of K rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from trainwell.optimizers import parameter_groups

Kind = Literal["weights", "rest", "shifts"]
_OWN_SLAB = 1024  # numbers from which a parameter gets an array of its own: its gradient then needs no copy


@dataclass
class Slab:
    """Parameters of one kind, one row a member.

    Args:
        names: Of the parameters, in the model.
        shapes: Of each.
        kind: `weights` decay; `rest` (biases, norms) and `shifts` (of norms, with a rate of their own) do not.
        values: (K, n), all parameters of a member behind each other.
        state: What the optimizer remembers of them, (K, n) each.
    """

    names: tuple[str, ...]
    shapes: tuple[torch.Size, ...]
    kind: Kind
    values: Tensor
    state: list[Tensor] = field(default_factory=list)

    def cut(self, values: Tensor) -> dict[str, Tensor]:
        """The parameters by name, (K, *shape) each: views of `values`, (K, n)."""
        pieces = values.split([shape.numel() for shape in self.shapes], dim=1) if len(self.names) > 1 else (values,)
        return {
            name: piece.view(len(values), *shape)
            for name, shape, piece in zip(self.names, self.shapes, pieces, strict=True)
        }


class Stacks:
    """All that K networks hold.

    Args:
        models: Networks of one shape; what is learnt, frozen and counted is taken from each of them, and they stay as
            they are.
        device: Where the arrays are.
    """

    def __init__(self, models: Sequence[nn.Module], device: torch.device) -> None:
        self._device = device
        states = [dict(model.named_parameters()) for model in models]
        self.slabs = [
            Slab(names, tuple(states[0][name].shape for name in names), kind, _rows(states, names, device))
            for kind, names in _grouped(models[0])
        ]
        learnt = {name for slab in self.slabs for name in slab.names}
        frozen = [name for name in states[0] if name not in learnt]
        buffers = [dict(model.named_buffers()) for model in models]
        self.fixed = {name: _stacked(states, name, device) for name in frozen}
        self.buffers = {name: _stacked(buffers, name, device) for name in buffers[0]}

    def __len__(self) -> int:
        return len(self.slabs[0].values)

    def leaves(self) -> list[Tensor]:
        """The arrays of the slabs, as what gradients are taken of."""
        return [slab.values.detach().requires_grad_() for slab in self.slabs]

    def by_name(self, arrays: Sequence[Tensor] | None = None) -> dict[str, Tensor]:
        """Everything by its name in the model, (K, ...) each: views of these arrays of the slabs, or of their own."""
        arrays = [slab.values for slab in self.slabs] if arrays is None else arrays
        learnt = [slab.cut(array) for slab, array in zip(self.slabs, arrays, strict=True)]
        return {name: value for found in (*learnt, self.fixed, self.buffers) for name, value in found.items()}

    def member(self, row: int) -> dict[str, Tensor]:
        """What one network holds, by name: copies."""
        return {name: value[row].clone() for name, value in self.by_name().items()}

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these rows, in this order."""
        index = torch.tensor(rows, dtype=torch.int64, device=self._device)
        for slab in self.slabs:
            slab.values = slab.values.index_select(0, index)
            slab.state = [state.index_select(0, index) for state in slab.state]
        self.fixed = {name: value.index_select(0, index) for name, value in self.fixed.items()}
        self.buffers = {name: value.index_select(0, index) for name, value in self.buffers.items()}

    def extend(self, other: "Stacks") -> None:
        """Add the rows of another one; what the optimizer remembers of them is nothing."""
        for slab, more in zip(self.slabs, other.slabs, strict=True):
            slab.values = torch.cat((slab.values, more.values))
            slab.state = [torch.cat((state, torch.zeros_like(more.values))) for state in slab.state]
        self.fixed = {name: torch.cat((value, other.fixed[name])) for name, value in self.fixed.items()}
        self.buffers = {name: torch.cat((value, other.buffers[name])) for name, value in self.buffers.items()}


def _grouped(model: nn.Module) -> list[tuple[Kind, tuple[str, ...]]]:
    """The parameters of each slab: a large one alone, small ones of a kind together."""
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    groups: list[tuple[Kind, tuple[str, ...]]] = []
    for group in parameter_groups(model, norm_bias_rate=2.0):  # any factor but 1 keeps the shifts of norms apart
        kind: Kind = "shifts" if "rate_scale" in group else "rest" if "weight_decay" in group else "weights"
        small = tuple(name_of[id(p)] for p in group["params"] if p.numel() < _OWN_SLAB)
        groups += [(kind, (name_of[id(p)],)) for p in group["params"] if p.numel() >= _OWN_SLAB]
        groups += [(kind, small)] if small else []
    return groups


def _rows(states: Sequence[Mapping[str, Tensor]], names: Sequence[str], device: torch.device) -> Tensor:
    rows = [torch.cat([state[name].detach().flatten() for name in names]) for state in states]
    return torch.stack(rows).to(device)


def _stacked(states: Sequence[Mapping[str, Tensor]], name: str, device: torch.device) -> Tensor:
    return torch.stack([state[name].detach() for state in states]).to(device)
