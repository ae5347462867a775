"""SELU beside a norm."""

from trainwell.data.dataset import count
from trainwell.diagnoses.rules import Breach, Case, listed, rules


@rules.add("selu_norm", paper="https://arxiv.org/abs/1706.02515", severity="warning", looks_inside=True)
def selu_norm(case: Case) -> Breach | None:
    """SELU normalises by itself; a norm beside it does the same work twice and undoes the fixed point.

    Definition: a network whose hidden layers are SELU has no batch, layer, group, instance or RMS norm.

    Reach for it wherever hidden layers are SELU; it is asked by itself.

    Leave it (`silence=selu_norm`) when SELU is wanted as a mere activation, as ELU would be.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the norms.

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, section 1.
    """
    found = case.flow.of("norm") if case.hidden("selu") else []
    if not found:
        return None
    return Breach(
        f"SELU needs a plain stack, and this network has {count(len(found), 'norm')}: {listed(found)}.",
        case.change("Take them out.", norm="none") + " Or keep them, with another activation such as relu.",
        {"norms": len(found)},
    )
