"""SELU with plain dropout."""

from trainwell.diagnoses.rules import Breach, Case, listed, rules


@rules.add("selu_dropout", paper="https://arxiv.org/abs/1706.02515", severity="warning", looks_inside=True)
def selu_dropout(case: Case) -> Breach | None:
    """Plain dropout sets to 0 what SELU keeps at mean 0 and variance 1: the variance grows by 1 / (1 - p).

    Definition: a network whose hidden layers are SELU drops by alpha dropout, which sets to SELU's lower limit and
    scales so that mean and variance stay.

    Reach for it wherever hidden layers are SELU; it is asked by itself.

    Leave it (`silence=selu_dropout`) when SELU is wanted as a mere activation, as ELU would be.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the dropouts.

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, section 3, "New Dropout Technique".
    """
    plain = [op for op in case.flow.of("dropout") if op.id in ("dropout", "channel_dropout") and op.p > 0]
    if not plain or not case.hidden("selu"):
        return None
    return Breach(
        f"Plain dropout (p={plain[0].p:g}) breaks what SELU keeps: {listed(plain)}.",
        case.change("Take nn.AlphaDropout, at 0.05 or 0.1.", dropout="alpha_dropout"),
        {"p": plain[0].p},
    )
