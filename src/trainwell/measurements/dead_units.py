"""Dead units: those that give the same for whatever comes in."""

import torch
from torch import Tensor

from trainwell.measurements import Step, by_layer, measurements


@measurements.add("dead_units", paper="https://arxiv.org/abs/1903.06733", needs_activations=True)
@torch.no_grad()
def dead_units(step: Step, *, layers: bool = True) -> dict[str, Tensor]:
    """Share of units that give the same for all samples of the recent measured batches.

    Definition: the share of the units of an activation whose lowest output equals their highest, over all samples and
    places of the batches. The same output is 0 for ReLU, and a bound for a unit that is saturated for good. A unit is a
    column of a linear layer and a channel of a convolution: it is dead when all of it is, so that values of 0, of which
    half of ReLU's are, count for nothing. The batches are the last of 500 to 1000 samples; `dead_units_samples` tells
    how many they were, since a unit that is active for one sample in a hundred looks dead in a batch of 32.

    Reach for it when a network with ReLU learns slowly or stops: a rate too high, or a bias far below 0, kills units.

    Leave it when activations keep a slope everywhere (leaky_relu, elu): no unit is dead by it; see `saturation`. A
    channel whose map is padded can have two values and be alive by it, though no input moves it.

    Cost: two passes over the outputs of the activations in the steps that measure, and their memory.

    Args:
        step: Read.
        layers: Whether each layer's share is given too.

    Returns:
        `dead_units_mean` and `dead_units_max` over the layers, shares in [0, 1]; `dead_units_samples`;
        `dead_units.<activation>`. Nothing where no activation was seen.

    Reference:
        Lu, Shin, Su, Karniadakis, "Dying ReLU and Initialization", 2019, section 2.
    """
    if not step.unit_ranges:
        return {}
    shares = torch.stack([(low == high).float().mean() for low, high in step.unit_ranges.values()])
    samples = torch.tensor(float(step.range_samples))
    found = {"dead_units_mean": shares.mean(), "dead_units_max": shares.max(), "dead_units_samples": samples}
    return found | (by_layer("dead_units", step.unit_ranges, shares) if layers else {})
