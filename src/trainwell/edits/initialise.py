"""A start of the size that the activations want."""

from collections import Counter

from torch import nn

from trainwell.activations import activations
from trainwell.edits import Edited, edits
from trainwell.edits.script import afresh, carried_out, names_of, place
from trainwell.errors import BadValue
from trainwell.initializers import choice, layers_of
from trainwell.probes.flow import Flow, trace
from trainwell.probes.parts import Parts

_FILL = {
    "he_normal": 'nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")',
    "lecun_normal": 'nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")',
    "xavier_uniform": "nn.init.xavier_uniform_(layer.weight)",
}
_SIGMOID = "nn.init.xavier_uniform_(layer.weight, gain=4.0)"  # the slope of a sigmoid is at most 1/4


@edits.add("initialise", paper="https://arxiv.org/abs/1502.01852")
def initialise(parts: Parts) -> Edited:
    """Fill the linear layers and convolutions anew, by the rule that their activation wants.

    Definition: He's rule for ReLU and its kin, LeCun's for SELU, Glorot's for the others, with its gain for sigmoid, of
    the activation that is most frequent in the network; the last layer as torch starts it, small. Biases become 0, and
    the optimizer starts afresh.

    Reach for it when the signal shrinks or grows from layer to layer at the start, units are equal or dead from the
    start, or the first loss is far above that of a constant answer.

    Leave it when weights were learnt before: it throws them away.

    Cost: none.

    Args:
        parts: Changed in place. Frozen layers, norms, embeddings and recurrent layers keep what they hold.

    Returns:
        What was changed; refused where there is no such layer, or its weight is made from others.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.2; Glorot, Bengio, 2010, section 4.2.1.
    """
    model = parts.model
    covered = [
        name for name, layer in layers_of(model) if not isinstance(layer._parameters.get("weight"), nn.Parameter)
    ]
    if covered:
        return Edited(why_not=f"the weight of {covered[0] or 'the model'} is made from others and cannot be filled")
    code = filling(parts)
    if not code:
        return Edited(why_not="the model holds no linear layer or convolution that learns")
    return carried_out(parts, "layers initialised anew", code)


def filling(parts: Parts, follows: str | None = None) -> str:
    """Lines that fill the layers for an activation, the network's own unless one is given; empty without layers."""
    model = parts.model
    flow = flow_of(parts)
    shared = {id(weight) for weight, count in _owners(model).items() if count > 1}
    layers = [
        names_of(model, layer)[0]
        for _, layer in layers_of(model)
        if layer.weight.requires_grad and id(layer.weight) not in shared
    ]
    if not layers:
        return ""
    follows = follows or activation_of(flow)
    rule = choice(follows)
    fill = _SIGMOID if follows == "sigmoid" else _FILL.get(rule, _FILL["he_normal"])
    every = len(layers) == sum(1 for _ in layers_of(model))
    if every:
        head = (
            "for layer in model.modules():\n    if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):\n"
        )
        indent = " " * 8
    else:
        head, indent = f"for layer in [{', '.join(place(model, name) for name in layers)}]:\n", " " * 4
    code = f"{head}{indent}{fill}\n{indent}if layer.bias is not None:\n{indent}    nn.init.zeros_(layer.bias)\n"
    last = flow.heads if flow is not None else []
    if len(last) == 1 and last[0].name in layers and len(layers) > 1:
        where = place(model, last[0].name)
        code += f"{where}.reset_parameters()  # the last layer starts small\n"
        if getattr(last[0].module, "bias", None) is not None:
            code += f"nn.init.zeros_({where}.bias)\n"
    return code + afresh(parts.optimizer)


def flow_of(parts: Parts) -> Flow | None:
    """The graph of a pass of two samples; None where it fails."""
    try:
        return trace(parts.model, parts.train.first(2)[0], forward=parts.forward)
    except BadValue:
        return None


def activation_of(flow: Flow | None) -> str:
    """The most frequent activation that leads on to a layer; `identity` where there is none."""
    if flow is None:
        return "relu"
    seen = Counter(op.id for op in flow.of("activation") if op.id in activations and flow.leads_on(op))
    return seen.most_common(1)[0][0] if seen else "identity"


def _owners(model: nn.Module) -> Counter[nn.Parameter]:
    """How many modules hold each parameter."""
    return Counter(
        parameter for module in model.modules() for parameter in module._parameters.values() if parameter is not None
    )
