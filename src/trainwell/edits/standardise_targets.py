"""Values to be learnt brought to mean 0 and spread 1."""

import torch
from torch import Tensor

from trainwell.edits import Edited, edits
from trainwell.edits.script import SAMPLES, mapped
from trainwell.probes.parts import Parts

_SAME = 1e-3


@edits.add("standardise-targets", paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf")
def standardise_targets(parts: Parts) -> Edited:
    """Subtract from each column of the targets its mean, and divide by its spread.

    Definition: y <- (y - m) / s, with mean m and standard deviation s of the column over the training samples; the same
    for the validation samples.

    Reach for it when values lie far from 0 or spread far from 1: first loss and gradients then go with their square.

    Leave it when the last activation is made for their range, or the loss is relative.

    Cost: answers are s times the output plus m.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused for classes, and where the targets are standardised already.

    Reference:
        LeCun et al., "Efficient BackProp", 1998, section 4.5.
    """
    if parts.task != "regression":
        return Edited(why_not="the targets are classes")
    target = parts.train.first(SAMPLES)[1]
    if not isinstance(target, Tensor) or not target.is_floating_point() or not target.isfinite().all():
        return Edited(why_not="the targets are no tensor of finite floating-point numbers")
    mean, spread = target.double().mean(0), target.double().std(0, correction=0)
    if bool((mean.abs() < _SAME * spread).all() and ((spread - 1).abs() < _SAME).all()):
        return Edited(why_not="the targets have mean 0 and spread 1 already")
    if not bool((spread > 0).all()):
        return Edited(why_not="a column of the targets is constant")
    code = "centre, scale = train[1].double().mean(0), train[1].double().std(0, correction=0)\n"
    size = f"{float(torch.linalg.vector_norm(mean)):.3g} +- {float(spread.mean()):.3g}"
    return mapped(parts, f"targets {size} -> 0 +- 1", code, y="((y.double() - centre) / scale).to(y.dtype)")
