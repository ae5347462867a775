"""L1: the sizes of the weights."""

from torch import Tensor, nn

from trainwell.penalties import penalties, total


@penalties.add(
    "l1",
    paper="https://doi.org/10.1111/j.2517-6161.1996.tb02080.x",
    tune={"strength": (1e-7, 1e-3, "log")},
    limits={"strength": "[0, inf)"},
    constraint=False,
    breaks_selu=True,
)
def l1(model: nn.Module, *, strength: float = 1e-5) -> Tensor:
    """The sum of the absolute weights: pulls weights that matter little towards 0.

    Definition: strength x sum |w| over all weights, added to the loss. Every weight is pulled by the same amount, large
    or small. (The notes say that the weights become sparse. With gradient steps they become small and jump about 0;
    exactly 0 takes soft thresholding.)

    Reach for it when many inputs or weights are thought not to matter, and the few that do are to be found.

    Leave it when all that is wanted is a smaller gap: `l2`, or the weight decay of the optimizer, holds large weights
    harder and small ones less. Not with SELU, whose weights need their size.

    Cost: one pass over the weights and their gradients a step, which shows only beside tiny batches; one number to
    tune.

    Args:
        model: Read.
        strength: Factor.

    Returns:
        Scalar, at least 0.

    Reference:
        Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996.
    """
    return strength * total(model, lambda weight: weight.abs().sum())
