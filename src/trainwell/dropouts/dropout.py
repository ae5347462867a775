"""Dropout: switch units off at random."""

from torch import Tensor, nn

from trainwell.dropouts import Masking, dropouts


class Dropout(Masking):
    """Each value is dropped by itself."""

    def forward(self, values: Tensor) -> Tensor:
        """The values, masked in training."""
        return self.masked(values) if self.active else values


@dropouts.add(
    "dropout",
    paper="https://jmlr.org/papers/v15/srivastava14a.html",
    tune={"p": (0.1, 0.6)},
    limits={"p": "[0, 1)"},
)
def dropout(*, p: float = 0.5) -> nn.Module:
    """Set each value to 0 with probability p in training and scale the rest by 1 / (1 - p).

    Reach for it when the training score is far above the validation score.

    Args:
        p: Probability of dropping; 0 is the identity.

    Returns:
        (any shape) -> (the same shape).

    Reference:
        Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014, section 10 for the
        inverted form.
    """
    return Dropout(p)
