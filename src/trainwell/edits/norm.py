"""A batch norm behind each hidden layer."""

from typing import Literal

import torch
from torch import Tensor, nn

from trainwell.edits import Edited, edits
from trainwell.edits.initialise import flow_of
from trainwell.edits.script import carried_out, exchange, joined, like_others, names_of, place
from trainwell.probes.parts import Parts

_BATCH = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}


@edits.add("norm", paper="https://arxiv.org/abs/1502.03167")
def norm(parts: Parts, *, to: Literal["batch", "layer"] = "batch") -> Edited:
    """Normalise what the hidden layers give; where there are norms of another kind, exchange them.

    Definition: behind each linear layer and convolution that is not the last one, and in place of each norm that is of
    another kind, stands a batch norm (or a layer norm over the features), with torch's own numbers; the optimizer holds
    it and starts afresh. A network that has norms gets no others.

    Reach for it when the signal or the gradients fade or grow through many layers, or a norm takes its statistics over
    so few numbers that nothing is left.

    Leave it when batches have a few samples only (batch norm), or the layers are those of attention.

    Cost: some 10 to 30 % of a step; with batch norm training and evaluation compute different things.

    Args:
        parts: Changed in place.
        to: Which one: `batch`, or `layer` where samples are not to see each other.

    Returns:
        What was changed; refused where there are no hidden layers within reach, or all norms are of this kind.

    Reference:
        Ioffe, Szegedy, "Batch Normalization", 2015, section 3; Ba et al., "Layer Normalization", 2016.
    """
    if to == "batch" and parts.batch_size < 2:
        return Edited(why_not="a batch has one sample, and batch norm has nothing to compare it with")
    flow = flow_of(parts)
    if flow is None:
        return Edited(why_not="the forward pass cannot be followed")
    norms = [op.module for op in flow.of("norm") if op.module is not None]
    hidden = [op.module for op in flow.hidden if isinstance(op.module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)]
    chosen = [op.module for op in flow.of("norm") if op.module is not None and op.id != to] if norms else hidden
    if not chosen:
        return Edited(why_not=f"all norms are {to} norms" if norms else "there is no hidden layer that could be seen")
    model = parts.model
    shapes = _shapes(parts)
    lines, places = [], []
    for module in dict.fromkeys(chosen):
        names = names_of(model, module)
        shape = shapes.get(names[0])
        if len(names) > 1 or shape is None or len(shape) not in _BATCH:
            return Edited(why_not=f"{names[0]} is used in several places, or gives no (N, C, ...)")
        new = f"{_text(module, shape, to)}{like_others(model)}"
        where = place(model, names[0])
        lines.append(exchange(model, names[0], new if norms else f"nn.Sequential({where}, {new})"))
        places.append(where if norms else f"{where}[1]")
    says = f"{to} norm {'instead of ' + type(chosen[0]).__name__ if norms else f'behind {len(lines)} layers'}"
    return carried_out(parts, says, "\n".join([*lines, joined(parts.optimizer, places)]))


def _text(module: nn.Module, shape: torch.Size, to: str) -> str:
    last = isinstance(module, nn.Linear | nn.LayerNorm) and len(shape) == 3  # a sequence, features last
    if to == "layer" or last:
        return f"nn.LayerNorm({shape[-1]})" if len(shape) == 2 or last else f"nn.GroupNorm(1, {shape[1]})"
    return f"nn.{_BATCH[len(shape)]}({shape[1]})"


def _shapes(parts: Parts) -> dict[str, torch.Size]:
    """Shape of what each module gives for a batch, by its first name."""
    made = parts.copy()
    made.model.eval()
    found: dict[str, torch.Size] = {}

    def look(name: str, output: object) -> None:
        if isinstance(output, Tensor):
            found.setdefault(name, output.shape)

    for name, module in made.model.named_modules():
        module.register_forward_hook(lambda module, inputs, output, name=name: look(name, output))  # noqa: ARG005
    with torch.no_grad():
        made.forward(made.model, made.train.first(2)[0])
    return found
