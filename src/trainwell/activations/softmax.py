"""Softmax: positive shares that add up to 1."""

from torch import nn

from trainwell.activations import activations


@activations.add(
    "softmax",
    paper="https://doi.org/10.1007/978-3-642-76153-9_28",
    range=(0.0, 1.0),
    zero_centred=False,
    saturates="both",
    smooth=True,
    monotone=True,
    convex=False,
    uses_exp=True,
    gain=1.0,
    gain_rule="convention",
    initializer="xavier_uniform",
    elementwise=False,
)
def softmax() -> nn.Module:
    """Turn the outputs of a sample into positive shares that add up to 1.

    Definition: e^(x_k) / sum over j of e^(x_j), over dimension 1 (classes, or channels). Adding a number to all of a
    sample's inputs changes nothing. Monotone and saturating in each one's own input. Its gain is 1, that of a linear
    layer: it stands behind the last one, where no layer follows whose signal is to be kept.

    Reach for it when probabilities are to be read off the last layer, or attention is to be shared out.

    Leave it when the loss is `cross_entropy`, which holds it already and would get a flattened gradient from two; or
    when the layer is a hidden one, whose signal it divides by the width.

    Cost: an exponential and two reductions over the classes; no parameters.

    Returns:
        (N, C, ...) -> (N, C, ...), in (0, 1).

    Reference:
        Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs", 1990.
    """
    return nn.Softmax(dim=1)
