"""Plain dropout directly in front of batch norm."""

from trainwell.diagnoses.rules import Breach, Case, listed, rules
from trainwell.probes.flow import PASSIVE, Kind, Operation

_THROUGH: frozenset[Kind] = PASSIVE | {"pool", "activation", "scale"}


@rules.add("dropout_before_batch_norm", paper="https://arxiv.org/abs/1801.05134", severity="warning", looks_inside=True)
def dropout_before_batch_norm(case: Case) -> Breach | None:
    """Dropout raises the variance in training only; the statistics that batch norm keeps are then wrong at test time.

    Definition: inverted dropout multiplies the second moment by 1 / (1 - p) in training, and by 1 afterwards. Fires
    where nothing but an activation or a pooling lies between the dropout and the norm; a layer between them mixes many
    units and makes the shift small.

    Reach for it in every network; it is asked by itself.

    Leave it (`silence=dropout_before_batch_norm`) when p is small and the norm's statistics are fitted anew afterwards.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the dropouts.

    Reference:
        Li et al., "Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift", 2019,
        section 3.
    """
    norms = [op for op in case.flow.of("norm") if op.id == "batch"]
    found = [op for norm in norms for op in case.flow.before(norm, _THROUGH) if _drops(op)]
    if not found:
        return None
    return Breach(
        f"Dropout (p={found[0].p:g}) stands directly in front of batch norm: {listed(found)}. The variance that the "
        f"norm learns is up to {1 / (1 - found[0].p):.2g} times that at test time.",
        case.change("Move the dropout behind the norm and its activation, or in front of the head.", dropout="none"),
        {"p": found[0].p},
    )


def _drops(op: Operation) -> bool:
    return op.kind == "dropout" and op.id in ("dropout", "channel_dropout") and 0 < op.p < 1
