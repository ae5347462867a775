"""Stochastic depth: skip whole residual branches."""

from torch import Tensor, nn

from trainwell.dropouts import Masking, dropouts


class StochasticDepth(Masking):
    """A branch that is dropped for some samples of the batch.

    Args:
        branch: The branch.
        p: Probability of dropping.
    """

    def __init__(self, branch: nn.Module, p: float) -> None:
        super().__init__(p)
        self.branch = branch

    def forward(self, values: Tensor) -> Tensor:
        """Output of the branch, 0 for the samples that skip it."""
        out: Tensor = self.branch(values)
        return self.masked(out, (len(out),) + (1,) * (out.ndim - 1)) if self.active else out


@dropouts.add(
    "stochastic_depth",
    paper="https://arxiv.org/abs/1603.09382",
    tune={"p": (0.0, 0.5)},
    limits={"p": "[0, 1)"},
    wraps="branch",
    keeps_moments=False,
)
def stochastic_depth(branch: nn.Module, *, p: float = 0.2) -> nn.Module:
    """Drop a whole residual branch for some samples in training, each with probability p.

    Training: y = m f(x) / (1 - p), with one m a sample, 0 with probability p and 1 otherwise; evaluation: y = f(x). The
    paper draws once a batch and scales at test time; drawing by sample has the same mean and less noise. With
    `nn.Identity()` as the branch it goes behind one.

    Reach for it when a residual network is deep and overfits.

    Leave it when there are no residual connections, or only a few blocks.

    Cost: one random number a sample; the branch is computed all the same, so that no time is saved. The paper raises p
    linearly with depth, which one has to arrange.

    Args:
        branch: Residual branch, (N, ...) -> (N, ...).
        p: Probability of dropping; 0 is the branch itself.

    Returns:
        The branch, to be added to what skips it. Its parameters are called `branch.weight` and the like in the state.

    Reference:
        Huang et al., "Deep Networks with Stochastic Depth", 2016, section 3.
    """
    return StochasticDepth(branch, p)
