"""Script: what the objects of a training script say of themselves: settings of loss and optimizer, the graph."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.diagnoses.evidence import Architecture, Group, Layer
from trainwell.probes.experiment import Forward
from trainwell.probes.flow import trace


def loss_facts(loss: Any) -> tuple[str, dict[str, float | str]]:
    """Name of a loss, and what it holds; of a module around one of torch's losses that one."""
    if not isinstance(loss, nn.Module):
        return getattr(loss, "__name__", type(loss).__name__), {}
    known = [module for module in loss.modules() if type(module).__module__ == "torch.nn.modules.loss"]
    chosen = known[0] if known else loss
    settings: dict[str, float | str] = {**numbers_of(vars(chosen))}
    settings |= {name: value for name, value in vars(chosen).items() if name == "reduction" and isinstance(value, str)}
    for name in ("weight", "pos_weight"):
        if getattr(chosen, name, None) is not None:
            settings[f"has_{name}"] = 1.0
    return type(chosen).__name__, settings


def groups_of(optimizer: Optimizer) -> tuple[Group, ...]:
    """The parameter groups."""
    return tuple(
        Group(settings=numbers_of(group), num_parameters=sum(p.numel() for p in group["params"]))
        for group in optimizer.param_groups
    )


def architecture(model: nn.Module, x: Any, *, forward: Forward | None = None, seed: int = 0) -> Architecture:
    """The graph of a pass, run with a copy.

    Args:
        model: Any module.
        x: Inputs; a few samples are enough.
        forward: (model, x) -> output, instead of `model(x)`.
        seed: Seed of what the model draws.

    Raises:
        BadValue: The network cannot be copied, or fails on this batch.
    """
    flow = trace(model, x, forward=forward, seed=seed)
    return Architecture(
        layers=tuple(
            Layer(
                number=op.number,
                name=op.name,
                kind=op.kind,
                id=op.id,
                inputs=op.inputs,
                p=op.p,
                shape=() if op.weight is None else tuple(op.weight.shape),
                has_bias=op.bias is not None or _recurrent_bias(op.module),
                trainable=op.weight is None or op.weight.requires_grad,
                spread=op.spread,
                bias_mean=_bias_mean(op.bias, op.spread),
                settings={} if op.module is None else numbers_of(vars(op.module)),
            )
            for op in flow.operations
        ),
        outputs=flow.outputs,
        idle=flow.idle,
    )


def numbers_of(values: Mapping[str, Any]) -> dict[str, float]:
    """The numbers and switches among attributes or settings, by name; `betas` as `beta1`, `beta2`."""
    found = {}
    for name, value in values.items():
        if isinstance(value, bool | int | float) and not name.startswith("_") and name != "training":
            found[name] = float(value)
        elif name == "betas" and isinstance(value, tuple | list):
            found |= {f"beta{number}": float(beta) for number, beta in enumerate(value, 1)}
    return found


def _recurrent_bias(module: nn.Module | None) -> bool:
    return isinstance(module, nn.RNNBase) and module.bias


def _bias_mean(bias: Tensor | None, spread: float | None) -> float | None:
    return None if bias is None or not spread else float(bias.detach().float().mean()) / spread
