"""Classes counted from 0."""

import torch
from torch import Tensor

from trainwell.edits import Edited, edits
from trainwell.edits.script import SAMPLES, mapped
from trainwell.probes.parts import Parts


@edits.add("labels-from-zero", paper="https://www.deeplearningbook.org/contents/mlp.html")
def labels_from_zero(parts: Parts) -> Edited:
    """Count the classes from 0 up.

    Definition: each label becomes its place in the order of all labels that occur: y - 1 for 1 ... C, 0 and 1 for -1
    and 1. Shape and type stay.

    Reach for it when labels are counted from 1 or have gaps, or when -1 and 1 meet a loss for 0 and 1.

    Leave it when the loss is one for -1 and 1.

    Cost: answers are to be read accordingly.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where the labels are no whole numbers in one column, or are counted from 0 already.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.2.2.
    """
    if parts.task == "regression":
        return Edited(why_not="the targets are values, not classes")
    targets = [part.first(SAMPLES)[1] for part in (parts.train, parts.valid)]
    if not all(isinstance(target, Tensor) and target.numel() == len(target) for target in targets):
        return Edited(why_not="the targets are not one label a sample")
    labels = torch.cat([target.reshape(-1) for target in targets]).unique()
    if not bool((labels == labels.round()).all()):
        return Edited(why_not="the targets are no whole numbers")
    lowest = int(labels[0])
    counted = torch.arange(len(labels), dtype=labels.dtype)
    if torch.equal(labels, counted):
        return Edited(why_not="the classes are counted from 0 already")
    says = f"classes from {lowest} -> from 0"
    if torch.equal(labels - lowest, counted):
        return mapped(parts, says, "", y=f"y - {lowest}" if lowest > 0 else f"y + {-lowest}")
    code = f"labels = torch.tensor({labels.tolist()})\n"
    return mapped(parts, says, code, y="torch.searchsorted(labels, y.contiguous()).to(y.dtype)")
