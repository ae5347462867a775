"""Another share of units that are dropped."""

from torch import nn

from trainwell.edits import Edited, edits
from trainwell.edits.script import carried_out, place
from trainwell.probes.parts import Parts

_CALLED = ("p", "drop_prob", "dropout")  # what the probability of dropping is called, in torch and around it

Found = list[tuple[str, str, float]]


@edits.add(
    "dropout", paper="https://jmlr.org/papers/v15/srivastava14a.html", tune={"p": (0.05, 0.5)}, limits={"p": "(0, 1)"}
)
def dropout(parts: Parts, *, p: float = 0.2) -> Edited:
    """Drop another share of the units.

    Definition: the probability of every module that drops something becomes p.

    Reach for it when what is dropped is far too much (0.5 and more in small networks), or too little.

    Leave it when the network has no dropout: see `regularise`, which puts some in.

    Cost: none.

    Args:
        parts: Changed in place.
        p: Probability of dropping.

    Returns:
        What was changed; refused where no module drops anything, or all drop this share already.

    Reference:
        Srivastava et al., "Dropout", 2014, section 7.3.
    """
    found = [(name, attribute, was) for name, attribute, was in dropping(parts.model) if was != p]
    if not found:
        return Edited(why_not=f"no module drops another share than {p:g}")
    largest = max(was for _, _, was in found)
    return carried_out(parts, f"dropout {largest:g} -> {p:g}", lines(parts.model, found, p))


def dropping(model: nn.Module) -> Found:
    """Modules that drop something, (name, attribute that says how much, probability)."""
    found = []
    for name, module in model.named_modules():
        named = "drop" in type(module).__name__.lower() or "stochasticdepth" in type(module).__name__.lower()
        for attribute in _CALLED if named else _CALLED[1:]:
            value = getattr(module, attribute, None)
            if isinstance(value, float) and value > 0:
                found.append((name, attribute, value))
    return found


def lines(model: nn.Module, found: Found, p: float) -> str:
    """The lines that set them."""
    return "\n".join(f"{place(model, name)}.{attribute} = {p}  # was {was:g}" for name, attribute, was in found)
