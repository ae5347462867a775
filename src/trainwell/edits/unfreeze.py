"""Every parameter learns."""

import torch
from torch import Tensor, nn

from trainwell.edits import Edited, edits
from trainwell.edits.hold import holding
from trainwell.edits.script import carried_out, exchange, names_of
from trainwell.probes.parts import Parts
from trainwell.probes.training import fresh_batch


@edits.add("unfreeze", paper="https://arxiv.org/abs/1411.1792")
def unfreeze(parts: Parts) -> Edited:
    """Let all parameters learn.

    Definition: `requires_grad` of every parameter becomes True, the optimizer holds all of them, and a module that
    hands on its input cut from the graph is put out of the way.

    Reach for it when layers are frozen that nothing has ever trained, or get no gradient because the graph is cut.

    Leave it when what is frozen was learnt on other data and is to stay.

    Cost: gradients and the memory of the optimizer for what was frozen.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where nothing is frozen and no module cuts the graph: a `detach` in the code of a
        model that does more than that is not within reach.

    Reference:
        Yosinski et al., "How transferable are features in deep neural networks?", 2014, section 4.
    """
    model = parts.model
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    cut = [name for module in _cutting(parts) for name in names_of(model, module)]
    if not frozen and not cut:
        return Edited(why_not="nothing is frozen, and no module cuts the graph")
    lines = ["model.requires_grad_(True)"] if frozen else []
    lines += [f"{exchange(model, name, 'nn.Identity()')}  # was a cut through the graph" for name in cut]
    says = [f"{len(frozen)} frozen parameters learn"] if frozen else []
    says += [f"{', '.join(cut)} no longer cuts the graph"] if cut else []
    return carried_out(parts, ", ".join(says), "\n".join(lines) + "\n" + holding(parts.optimizer))


def _cutting(parts: Parts) -> list[nn.Module]:
    """Modules without parameters that get an input with a graph and give the same numbers without one."""
    made = parts.copy()
    made.model.requires_grad_(True).train()
    originals = dict(parts.model.named_modules())
    found: list[nn.Module] = []

    def look(name: str, inputs: tuple[object, ...], output: object) -> None:
        given = next((each for each in inputs if isinstance(each, Tensor)), None)
        if given is None or not isinstance(output, Tensor) or not given.requires_grad or output.requires_grad:
            return
        if given.shape == output.shape and torch.equal(given, output) and originals[name] not in found:
            found.append(originals[name])

    for name, module in made.model.named_modules():
        if not list(module.parameters()):
            module.register_forward_hook(lambda module, inputs, output, name=name: look(name, inputs, output))  # noqa: ARG005
    x, _ = fresh_batch(parts.train.first(4))
    try:
        with torch.enable_grad():
            made.forward(made.model, x)
    except (RuntimeError, ValueError, IndexError):
        return []
    return found
