"""Gradients that grow from layer to layer, or out of all bounds while it trains."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.edits import edits


@problems.add(
    "exploding-gradient",
    paper="https://arxiv.org/abs/1211.5063",
    severity="error",
    explains=(
        "diverging-loss",
        "oscillating-loss",
        "non-finite",
        "loss-not-decreasing",
        "underfitting",
    ),
    ranges={"backward": (5.0, 1e3), "rise": (50.0, 1e4), "shortfall": (0.05, 0.4)},
    signs=("start", "training"),
)
def exploding_gradient(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Signal and gradient grow from layer to layer: a step then moves the outputs by more than all that was learnt.

    Definition: (start) before training the gradient at the first layer's result is more than `backward` times that at
    the last one's, as root mean squares; (training) the norm of the gradient rises to more than `rise` times that of
    the start, of a loss that has a floor and is meant to fall; and the training ends by `shortfall` below what is
    possible, or breaks.

    Looks like: a loss that leaps, becomes huge or nan; updates as large as the weights.

    Causes: weights that are too large for the depth; activations without a bound; inputs on a large scale; a rate too
    high; a recurrent layer over many places.

    Fixes, in order: a start made for the activation; clip the norm of the gradient; a norm layer; a lower rate.

    Mistaken for: the large gradient of a large loss, as of targets that were not scaled.

    Args:
        evidence: What is known.
        limits: `backward`, `rise`: factors; `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        Pascanu et al., "On the difficulty of training recurrent neural networks", 2013, sections 2 and 3.
    """
    short = shortfall(evidence)
    broke = evidence.watched is not None and evidence.watched.broke is not None
    if not broke and (short is None or short <= limits["shortfall"]):
        return None
    numbers = {"shortfall": short, "shortfall_limit": limits["shortfall"]}
    ratio = None if evidence.signal is None else evidence.signal.gradient_ratio
    if ratio is not None and ratio > limits["backward"]:
        return Suspicion(
            "start",
            f"Before training the gradient is {ratio:.1g} times as large at the first layer as at the last: it grows "
            "on its way back, and steps that fit one layer are too long for another.",
            "Start the weights by the rule that the activation wants, or put norm layers in; clip the gradient's norm.",
            numbers | {"backward": ratio, "backward_limit": limits["backward"]},
            fixes=(edits.part("initialise"), edits.part("norm")),
        )
    step = evidence.step_change
    if step is not None and step.descends is not None and step.descends < 0:
        return None  # it climbs: the gradient grows because the loss is meant to
    if evidence.watched is not None and evidence.watched.train_loss and min(evidence.watched.train_loss) < 0:
        return None  # a loss without a floor falls, and takes the gradient with it
    norms = [look.gradient_norm for look in evidence.looks if look.gradient_norm is not None]
    rise = max(norms[1:]) / norms[0] if len(norms) > 1 and norms[0] else 0.0
    if not rise > limits["rise"]:
        return None
    return Suspicion(
        "training",
        f"While it trains, the gradient grows to {rise:.3g} times what it was: each step undoes more than was learnt.",
        "Lower the rate, or clip the norm of the gradient at what most steps have.",
        numbers | {"rise": rise, "rise_limit": limits["rise"]},
        fixes=(edits.part("rate", factor=0.1),),
    )
