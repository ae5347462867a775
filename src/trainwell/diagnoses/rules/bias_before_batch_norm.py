"""A bias in front of batch norm."""

from trainwell.data.dataset import count
from trainwell.diagnoses.rules import Breach, Case, listed, rules
from trainwell.probes.flow import PASSIVE, Kind

_THROUGH: frozenset[Kind] = PASSIVE | {"pool"}


@rules.add("bias_before_batch_norm", paper="https://arxiv.org/abs/1502.03167", severity="note", looks_inside=True)
def bias_before_batch_norm(case: Case) -> Breach | None:
    """Batch norm takes the mean away, and with it any bias in front of it; its own shift takes its place.

    Definition: fires for a layer with a learnt bias whose output reaches a batch norm with nothing or a pooling between
    them. A note: the network computes the same without it, and saves the parameters.

    Reach for it in every network; it is asked by itself.

    Leave it (`silence=bias_before_batch_norm`) when weights are to be loaded that have these biases.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the layers.

    Reference:
        Ioffe, Szegedy, "Batch Normalization", 2015, section 3.2.
    """
    norms = [op for op in case.flow.of("norm") if op.id == "batch"]
    before = {op for norm in norms for op in case.flow.before(norm, _THROUGH) if op.kind == "layer"}
    found = sorted(
        (op for op in before if op.bias is not None and op.bias.requires_grad), key=lambda layer: layer.number
    )
    if not found:
        return None
    return Breach(
        f"{count(len(found), 'bias', 'biases')} in front of batch norm, which takes them away again: {listed(found)}.",
        "Build the layers with bias=False.",
        {"layers": len(found)},
    )
