"""Inputs that were not standardised."""

from trainwell.diagnoses.rules import LARGE_INPUTS, Breach, Case, rules


@rules.add("raw_inputs", paper="https://doi.org/10.1007/3-540-49430-8_2", severity="warning", looks_inside=True)
def raw_inputs(case: Case) -> Breach | None:
    """Weights are initialised for inputs of about 1: large ones saturate units and make every rate too high.

    Definition: the root mean square of the inputs, as the network gets them, is above 5; standardised inputs have 1,
    and pixels in 0..1 about 0.5. A network that begins with a norm is left out, and one of SELUs, which has a stricter
    rule of its own (`selu_inputs`).

    Reach for it in every network; it is asked by itself.

    Leave it (`silence=raw_inputs`) when the first layer is made for such inputs.

    Cost: one pass over the sample.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the root mean square.

    Reference:
        LeCun et al., "Efficient BackProp", 1998, section 4.3.
    """
    if not case.input_size > LARGE_INPUTS or case.hidden("selu"):
        return None
    if any(op.kind == "norm" for op in case.flow.first()):
        return None
    return Breach(
        f"The inputs are large: their root mean square is {case.input_size:.3g}, and weights start for about 1.",
        "Set preprocess=standardize, or standardise the samples in the data set.",
        {"size": case.input_size},
    )
