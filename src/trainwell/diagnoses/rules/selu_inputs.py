"""SELU on inputs that are not standardised."""

import math

from torch import Tensor

from trainwell.diagnoses.rules import Breach, Case, rules
from trainwell.preprocessing import preprocessing

_OFF = 0.5  # mean of a feature, in units of the spread it should have
_SPREAD = (
    0.5,
    2.0,
)  # a stack of SELUs pulls what lies within back to 1; beyond, a shallow one does not have the layers


@rules.add("selu_inputs", paper="https://arxiv.org/abs/1706.02515", severity="warning", looks_inside=True)
def selu_inputs(case: Case) -> Breach | None:
    """SELU keeps mean 0 and variance 1 only where the inputs have them.

    Definition: the root mean square of the features' means and that of their standard deviations, over the sample, are
    to be near 0 and 1. A preprocessing that standardises by itself is not measured again.

    Reach for it wherever hidden layers are SELU; it is asked by itself.

    Leave it (`silence=selu_inputs`) when the network normalises its inputs in a way that is not seen here.

    Cost: one pass over the sample.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the mean and the spread that were found.

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, section 2 and theorem 1.
    """
    standardised = preprocessing[case.recipe.preprocess.name].facts.get("standardises")
    if standardised or not case.hidden("selu") or not isinstance(case.x, Tensor) or not case.x.is_floating_point():
        return None
    features = case.x.float().transpose(0, 1).flatten(1) if case.x.ndim > 1 else case.x.float()[None]
    mean = float(features.mean(1).square().mean().sqrt())
    spread = float(features.var(1, correction=0).mean().sqrt())
    near = mean <= _OFF and _SPREAD[0] <= spread <= _SPREAD[1]
    if near or not math.isfinite(mean + spread):
        return None
    return Breach(
        f"SELU expects inputs of mean 0 and spread 1; these have features with a mean of {mean:.2g} and a spread of "
        f"{spread:.2g} (root mean squares).",
        "Set preprocess=standardize, or standardise the samples in the data set.",
        {"mean": mean, "spread": spread},
    )
