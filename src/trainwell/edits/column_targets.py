"""Targets of the shape that outputs have."""

from torch import Tensor

from trainwell.edits import Edited, edits
from trainwell.edits.encoding import output_of
from trainwell.edits.script import mapped
from trainwell.probes.parts import Parts


@edits.add("column-targets", paper="https://numpy.org/doc/stable/user/basics.broadcasting.html")
def column_targets(parts: Parts) -> Edited:
    """Bring the targets into the shape of the outputs.

    Definition: targets (N,) become (N, 1) where the outputs are (N, 1), and the other way about, as floating-point
    numbers.

    Reach for it when a loss compares outputs (N, 1) with targets (N,): every output is then held against every target,
    (N, N), and all of them learn the mean.

    Leave it when the targets are class numbers for cross entropy.

    Cost: none.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where the shapes agree, or differ in how many numbers they hold.

    Reference:
        NumPy user guide, "Broadcasting", general rules.
    """
    output, target = output_of(parts), parts.train.first(2)[1]
    if output is None or not isinstance(target, Tensor):
        return Edited(why_not="outputs or targets are no tensor")
    if output.shape == target.shape:
        return Edited(why_not=f"targets and outputs have the shape {tuple(target.shape[1:])} a sample already")
    if output.numel() != target.numel():
        return Edited(why_not=f"an output holds {output[0].numel()} numbers and a target {target[0].numel()}")
    shape = "".join(f", {size}" for size in output.shape[1:])
    says = f"targets {tuple(target.shape[1:])} -> {tuple(output.shape[1:])} a sample"
    return mapped(parts, says, "", y=f"y.reshape(len(y){shape}).to(torch.{str(output.dtype).removeprefix('torch.')})")
