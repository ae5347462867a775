"""L2: the squares of the weights."""

from torch import Tensor, nn

from trainwell.penalties import penalties, total


@penalties.add(
    "l2",
    paper="https://proceedings.neurips.cc/paper/1991/hash/8eefcfdf5990e441f0fb6f3fad709e21-Abstract.html",
    tune={"strength": (1e-6, 1e-2, "log")},
    limits={"strength": "[0, inf)"},
    constraint=False,
    breaks_selu=True,
)
def l2(model: nn.Module, *, strength: float = 1e-4) -> Tensor:
    """The sum of the squared weights: many small weights rather than a few large ones.

    Definition: strength x sum w^2 over all weights, added to the loss; the pull on a weight is 2 strength w. With plain
    SGD it is weight decay of 2 x strength. With Adam it is not, as the gradient is rescaled and weights of large
    gradients are held less: there the decay of `adamw` does what is meant.

    Reach for it when the training loss falls well below the validation loss, and the loss itself is to show the
    penalty.

    Leave it when the optimizer has a weight decay, which does the same for less, or is adaptive. In front of a norm it
    holds no function small, as the norm undoes the scale; it only keeps the steps from shrinking. Not with SELU, whose
    weights need their size.

    Cost: one pass over the weights and their gradients a step, which shows only beside tiny batches; one number to
    tune.

    Args:
        model: Read.
        strength: Factor.

    Returns:
        Scalar, at least 0.

    Reference:
        Krogh, Hertz, "A Simple Weight Decay Can Improve Generalization", 1991; on Adam: Loshchilov, Hutter, "Decoupled
        Weight Decay Regularization", 2019, section 2.
    """
    return strength * total(model, lambda weight: weight.square().sum())
