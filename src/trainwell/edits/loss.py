"""Another loss, with the outputs and targets that it takes."""

from typing import Any, Literal

from torch import nn

from trainwell.edits import Edited, edits
from trainwell.edits.encoding import encoding_of, output_of
from trainwell.edits.output_activation import output_lines
from trainwell.edits.script import SAMPLES, carried_out, mapped
from trainwell.probes.parts import Parts

_TEXT = {
    "cross_entropy": "nn.CrossEntropyLoss()",
    "bce_with_logits": "nn.BCEWithLogitsLoss()",
    "nll": "nn.NLLLoss()",
    "mse": "nn.MSELoss()",
}
# What a function that the model calls last did, taken back in the loss: by (function, loss).
_UNDONE = {
    ("softmax", "cross_entropy"): "output.clamp_min(1e-8).log()",
    ("sigmoid", "cross_entropy"): "torch.logit(output, eps=1e-6)",
    ("sigmoid", "bce_with_logits"): "torch.logit(output, eps=1e-6)",
}


@edits.add("loss", paper="https://www.deeplearningbook.org/contents/mlp.html")
def loss(parts: Parts, *, to: Literal["cross_entropy", "bce_with_logits", "nll", "mse"]) -> Edited:
    """Exchange the loss, and bring outputs and targets into the form that it takes.

    Definition: the loss becomes one of torch's. Targets are re-encoded: class numbers for cross entropy and NLL, 0 and
    1 in columns for binary cross entropy, columns of numbers for the squared error. Behind the last layer stands
    log-softmax for NLL and nothing for the others; the squared error on classes leaves what stands there. A softmax or
    sigmoid that the model calls as a function stays, and the loss takes it back.

    Reach for it when the loss is not one for the task, or belongs to other outputs or targets than there are.

    Leave it when it is a loss of one's own that says something which these do not.

    Cost: none. Weights of classes and smoothing of the old loss are not taken over.

    Args:
        parts: Changed in place.
        to: Which one.

    Returns:
        What was changed; refused where targets or outputs are not what the loss could take, the last layer has another
        width than it needs (see `output-width`), or all is as it should be.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.2.2.
    """
    output = output_of(parts)
    if output is None or output.ndim > 2:
        return Edited(why_not="the network does not give one row of numbers a sample")
    width = 1 if output.ndim == 1 else output.shape[1]
    y, why_not = _targets(parts, to, width, output.ndim)
    if why_not:
        return Edited(why_not=why_not)
    lines: list[str] = []
    if to != "mse" or parts.task == "regression":
        lines, last, why_not = output_lines(parts, "log_softmax" if to == "nll" else "none")
        if why_not and (last, to) not in _UNDONE:
            return Edited(why_not=why_not)
    where, was = _place(parts.loss)
    made = "" if was == _TEXT[to].removeprefix("nn.").removesuffix("()") else f"{where} = {_TEXT[to]}  # was {was}"
    if why_not:
        made = _undoing(last, to, was)
    code = "\n".join([*lines, made]).strip()
    says = f"loss {was} -> {to}" if made else f"outputs and targets as {was} takes them"
    target = parts.train.first(SAMPLES)[1]
    names: dict[str, Any] = {"y": target, "nn": nn}
    new = eval(y, names)
    if new.shape == target.shape and new.dtype == target.dtype and bool((new == target).all()):
        y = "y"
    if not code and y == "y":
        return Edited(why_not=f"the loss is {was} already, with the outputs and targets that it takes")
    if code:
        carried_out(parts, says, code)
    if y == "y":
        return Edited(says=says, code=code)
    done = mapped(parts, says, "", y=y)
    return Edited(says=says, code=f"{code}\n{done.code}".strip())


def _targets(parts: Parts, to: str, width: int, ndim: int) -> tuple[str, str]:
    """The expression for the targets that a loss takes, or why there is none."""
    if to == "mse" and parts.task == "regression":
        target = parts.train.first(2)[1]
        size = getattr(target, "numel", int)() / max(1, len(target))
        if size != width:
            return "", f"targets have {size:g} numbers a sample and outputs {width}"
        return f"y.float().reshape(len(y){f', {width}' if ndim == 2 else ''})", ""
    if parts.task == "regression":
        return "", f"the targets are values, and {to} takes classes"
    found = encoding_of(parts)
    if found is None:
        return "", "the targets are neither class numbers nor one-hot rows nor a column of two values"
    if to in ("cross_entropy", "nll"):
        if width < max(2, found.num_classes):
            return "", f"outputs have {width} columns, and there are {found.num_classes} classes"
        return found.numbers, ""
    if width == 1:
        if found.num_classes > 2:
            return "", f"there is one output for {found.num_classes} classes"
        return f"{found.numbers}.float(){'[:, None]' if ndim == 2 else ''}", ""
    if width < found.num_classes:
        return "", f"outputs have {width} columns, and there are {found.num_classes} classes"
    return f"nn.functional.one_hot({found.numbers}, {width}).float()", ""


def _undoing(last: str, to: str, was: str) -> str:
    name = {"bce_with_logits": "binary_cross_entropy_with_logits"}.get(to, to)
    return (
        f"def loss(output, target):  # was {was}; the model calls {last} last, which is taken back here\n"
        f"    return nn.functional.{name}({_UNDONE[last, to]}, target)"
    )


def _place(given: Any) -> tuple[str, str]:
    """Where the loss itself stands, and its name: a module may add a penalty to one of torch's."""
    if isinstance(given, nn.Module):
        inner = [name for name, module in given.named_children() if type(module).__module__ == "torch.nn.modules.loss"]
        if len(inner) == 1:
            return f"loss.{inner[0]}", type(getattr(given, inner[0])).__name__
        return "loss", type(given).__name__
    return "loss", getattr(given, "__name__", type(given).__name__)
