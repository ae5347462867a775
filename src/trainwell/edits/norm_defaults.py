"""Norms with the numbers that torch gives them."""

import inspect

from trainwell.edits import Edited, edits
from trainwell.edits.script import carried_out, place
from trainwell.parameters import is_norm
from trainwell.probes.parts import Parts


@edits.add("norm-defaults", paper="https://arxiv.org/abs/1502.03167")
def norm_defaults(parts: Parts) -> Edited:
    """Set `eps` and `momentum` of the norms to torch's own.

    Definition: eps becomes 1e-5 and momentum 0.1, as the constructor of each norm has them; the weight of the newest
    batch in the running statistics is then a tenth.

    Reach for it when eps is of the size of the variance or above, or running statistics are those of the last batch
    only, or follow so slowly that evaluation answers otherwise than training.

    Leave it when the momentum was chosen for very small or very few batches.

    Cost: none.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where no norm has other numbers.

    Reference:
        Ioffe, Szegedy, "Batch Normalization", 2015, algorithm 1.
    """
    found = []
    for name, module in parts.model.named_modules():
        if not is_norm(module) or type(module).__module__.split(".")[0] != "torch":
            continue
        known = inspect.signature(type(module)).parameters
        for number in ("eps", "momentum"):
            usual = known[number].default if number in known else None
            if isinstance(usual, float) and getattr(module, number, usual) != usual:
                found.append((f"{place(parts.model, name)}.{number}", usual, getattr(module, number)))
    if not found:
        return Edited(why_not="no norm has other numbers than torch's")
    says = ", ".join(dict.fromkeys(f"{where.split('.')[-1]} {was} -> {usual:g}" for where, usual, was in found))
    return carried_out(parts, f"norms: {says}", "\n".join(f"{w} = {usual}  # was {was}" for w, usual, was in found))
