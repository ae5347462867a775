"""A learning rate out of proportion to the batch size."""

import math

from trainwell.diagnoses.rules import Breach, Case, rules
from trainwell.optimizers import innermost, optimizers
from trainwell.parameters import weights_of

REFERENCE_BATCH = 256  # Goyal et al. give their rates for it
_MARGIN = math.sqrt(10.0)  # the ends of the usual band are known to half a power of ten
# The best rate goes with the batch to a power between these. An adaptive step is of one length whatever the gradient,
# so that it needs less: the square root at most.
_SGD, _ADAPTIVE = (1.0, 0.5), (0.5, 0.0)


@rules.add("rate_for_batch", paper="https://arxiv.org/abs/1706.02677", severity="warning", looks_inside=False)
def rate_for_batch(case: Case) -> Breach | None:
    """The larger the batch, the larger the rate: by the ratio of the batches for SGD, by its root for Adam and its kin.

    Definition: the optimizer's usual band of rates, its fact `rate`, is taken for a batch of 256. For a batch of B,
    with r = B / 256, its ends move by anything between sqrt(r) and r under SGD, between 1 and sqrt(r) under an adaptive
    optimizer, since no rule holds everywhere; the wider band counts. Fires half a power of ten outside it: what is
    nearer is for the range test to judge. A linear model takes any rate that converges, and is left out.

    Reach for it whenever batch size or rate is set by hand; it is asked by itself.

    Leave it (`silence=rate_for_batch`) with a network whose loss or outputs carry a factor of their own.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the band.

    Reference:
        Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.1 (linear); Krizhevsky, "One weird trick for
        parallelizing convolutional neural networks", 2014, section 5 (square root).
    """
    inner = innermost(case.recipe.optimizer)
    band, rate = optimizers[inner.name].facts.get("rate"), inner.args.get("lr")
    if band is None or rate is None or len(weights_of(case.model)) < 2:
        return None
    ratio = case.batch_size / REFERENCE_BATCH
    moved = [ratio**power for power in (_SGD if inner.name == "sgd" else _ADAPTIVE)]
    low, high = band[0] * min(moved), band[1] * max(moved)
    if low / _MARGIN <= rate <= high * _MARGIN:
        return None
    return Breach(
        f"optimizer.lr={rate:g} is {'high' if rate > high else 'low'} for {inner.name} at a batch of "
        f"{case.batch_size}: {low:.2g} .. {high:.2g} is usual ({band[0]:g} .. {band[1]:g} at {REFERENCE_BATCH}, moved "
        "with the batch).",
        f"Set optimizer.lr={high if rate > high else low:.1g} or so, or change batch_size in proportion.",
        {"rate": rate, "low": low, "high": high},
    )
