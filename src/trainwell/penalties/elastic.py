"""Elastic net: L1 and L2 together."""

from torch import Tensor, nn

from trainwell.penalties import penalties, total


@penalties.add(
    "elastic",
    paper="https://doi.org/10.1111/j.1467-9868.2005.00503.x",
    tune={"strength": (1e-6, 1e-2, "log"), "l1_share": (0.0, 1.0)},
    limits={"strength": "[0, inf)", "l1_share": "[0, 1]"},
    constraint=False,
    breaks_selu=True,
)
def elastic(model: nn.Module, *, strength: float = 1e-4, l1_share: float = 0.1) -> Tensor:
    """A share of L1 and the rest of L2: small weights go to 0, and of weights that go together all are kept.

    Definition: strength x sum (l1_share |w| + (1 - l1_share) w^2) over all weights, added to the loss. A share of 1 is
    `l1`, of 0 `l2`. Below |w| = l1_share / (2 (1 - l1_share)) the L1 part pulls harder. The default is about `l2` and
    `l1` at theirs.

    Reach for it when few inputs matter but these come in groups: L1 alone keeps one of a group and which one is chance.

    Leave it when one of the two does: it has two numbers to tune. Not with SELU, whose weights need their size.

    Cost: one pass over the weights and their gradients a step, which shows only beside tiny batches; two numbers to
    tune.

    Args:
        model: Read.
        strength: Factor of the whole.
        l1_share: Share of the absolute weights; the rest is that of the squares.

    Returns:
        Scalar, at least 0.

    Reference:
        Zou, Hastie, "Regularization and Variable Selection via the Elastic Net", 2005, section 2.1.
    """
    return strength * total(
        model, lambda weight: l1_share * weight.abs().sum() + (1.0 - l1_share) * weight.square().sum()
    )
