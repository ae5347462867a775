"""Alpha dropout without SELU."""

from trainwell.diagnoses.rules import Breach, Case, listed, rules


@rules.add(
    "alpha_dropout_without_selu", paper="https://arxiv.org/abs/1706.02515", severity="warning", looks_inside=True
)
def alpha_dropout_without_selu(case: Case) -> Breach | None:
    """Alpha dropout sets what it drops to SELU's lower limit, -1.758: behind any other activation that is noise.

    Definition: alpha dropout keeps mean 0 and variance 1, which SELU hands to it. Behind ReLU, whose outputs are not
    negative and not centred, it keeps neither.

    Reach for it wherever alpha dropout is used; it is asked by itself.

    Leave it (`silence=alpha_dropout_without_selu`) when the dropout acts on standardised inputs alone.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach.

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, section 3, "New Dropout Technique".
    """
    found = [op for op in case.flow.of("dropout") if op.id == "alpha_dropout" and op.p > 0]
    if not found or any(op.id == "selu" for op in case.flow.of("activation")):
        return None
    return Breach(
        f"Alpha dropout ({listed(found)}) is made for SELU, and no activation here is SELU.",
        case.change("Take nn.Dropout.", dropout="dropout") + " Or make the activations SELU.",
    )
