"""Another activation between the layers."""

from typing import Literal

from trainwell.edits import Edited, edits
from trainwell.edits.initialise import filling, flow_of
from trainwell.edits.script import carried_out, exchange, names_of
from trainwell.probes.parts import Parts

_TEXT = {
    "relu": "nn.ReLU()",
    "leaky_relu": "nn.LeakyReLU(0.01)",
    "elu": "nn.ELU()",
    "gelu": "nn.GELU()",
    "swish": "nn.SiLU()",
    "tanh": "nn.Tanh()",
    "selu": "nn.SELU()",
}


@edits.add("activation", paper="https://arxiv.org/abs/1502.01852")
def activation(
    parts: Parts, *, to: Literal["relu", "leaky_relu", "elu", "gelu", "swish", "tanh", "selu"] = "relu"
) -> Edited:
    """Exchange the activations between the layers for another one.

    Definition: each module that is an activation, and behind which there is another layer, becomes the one that is
    asked for; the layers are filled as it wants them, and the optimizer starts afresh.

    Reach for it when gradients vanish in a stack of sigmoids or tanhs, or when units are dead for good.

    Leave it when weights were learnt before, or the activation is part of a gate or of attention.

    Cost: none.

    Args:
        parts: Changed in place.
        to: Which one.

    Returns:
        What was changed; refused where the graph cannot be followed, and where no module is another activation: one
        that is called as a function is not within reach.

    Reference:
        He et al., "Delving Deep into Rectifiers", 2015, section 2.
    """
    flow = flow_of(parts)
    if flow is None:
        return Edited(why_not="the forward pass cannot be followed")
    modules = list(
        dict.fromkeys(op.module for op in flow.of("activation") if op.module is not None and flow.leads_on(op))
    )
    others = [module for module in modules if f"nn.{type(module).__name__}(" != _TEXT[to].split("(")[0] + "("]
    if not others:
        return Edited(why_not=f"no module between the layers is another activation than {to}")
    lines = [exchange(parts.model, place, _TEXT[to]) for module in others for place in names_of(parts.model, module)]
    fill = filling(parts, to)
    were = ", ".join(dict.fromkeys(type(module).__name__ for module in others))
    code = "\n".join(f"{line}  # was {were}" for line in lines)
    return carried_out(parts, f"activation {were} -> {to}", f"{code}\n{fill}" if fill else code)
