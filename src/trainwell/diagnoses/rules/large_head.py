"""A last layer so large that the loss starts too high."""

import math

import torch
from torch import Tensor

from trainwell.diagnoses.rules import LARGE_INPUTS, Breach, Case, rules
from trainwell.probes.expected_loss import loss_of_constant
from trainwell.probes.flow import PASSIVE, Kind
from trainwell.probes.initial_loss import initial_loss

_HEALTHY_VARIANCE = 0.1  # of logits: adds about 0.05 to the cross entropy
_LEAST_ADDED = 0.25  # in nats, or standardised units squared: torch's own last layer adds up to about 0.2
_THROUGH: frozenset[Kind] = PASSIVE | {"scale", "add"}


@rules.add("large_head", paper="https://karpathy.github.io/2019/04/25/recipe/", severity="warning", looks_inside=True)
def large_head(case: Case) -> Breach | None:
    """Outputs that are large before anything was learnt are confident guesses, which the first steps only undo.

    Definition: the loss of the sample in training mode lies above that of an output which is the last bias alone, by
    more than `probes.expected_loss` allows, and the variance v of the outputs explains it: logits add about v / 2 to
    the cross entropy, values v to the squared error. He's rule in a last layer of ten classes starts at 2.7 to 3.2, not
    at 2.30.

    Not asked where the inputs are large, which is then the cause (`raw_inputs`), nor where an activation follows the
    last layer, nor of a linear model, whose loss has one valley.

    Reach for it in every network; it is asked by itself. The check of the initial loss looks at more samples; this rule
    tells the cause.

    Leave it (`silence=large_head`) when the network was trained before.

    Cost: one forward pass.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the loss that was found and the one that was to be expected.

    Reference:
        Karpathy, "A Recipe for Training Neural Networks", 2019, "init well" and "verify loss @ init".
    """
    flow = case.flow
    heads = [head for head in flow.last(_THROUGH) if head in flow.heads and head.weight is not None]
    seen = bool(heads) and len(heads) == len(flow.last(_THROUGH))
    if not seen or not flow.hidden or len(case.y) < 2 or case.input_size > LARGE_INPUTS:
        return None
    width = len(case.shape.classes) or math.prod(case.y.shape[1:])
    biases = [h.bias.detach() for h in heads if h.bias is not None and h.bias.numel() == width]
    constant: Tensor = biases[0] if len(biases) == 1 else torch.zeros(width, device=case.y.device)
    expected = loss_of_constant(case.loss, constant.to(case.y.device), case.y)
    found = initial_loss(case.model, case.loss, lambda _: (case.x, case.y), expected=expected, num_batches=1)
    if found.ok or not found.loss > expected.loss or found.output_spread is None:
        return None
    added = found.output_spread**2 / (2 if case.shape.classes else 1)
    if not added >= max(expected.allowed, _LEAST_ADDED):  # not by its size: by chance, or by what the outputs are
        return None
    scale = float(f"{math.sqrt(_HEALTHY_VARIANCE) / found.output_spread:.1g}")
    return Breach(
        f"The loss starts at {found.loss:.3g}, and {expected.loss:.3g} is what knowing nothing costs: the outputs of "
        f"{heads[-1].name} spread over {found.output_spread:.2g}.",
        case.change(f"Multiply the initial weights of {heads[-1].name} by {scale:g}.", head_scale="0.1"),
        {"loss": found.loss, "expected": expected.loss, "spread": found.output_spread},
    )
