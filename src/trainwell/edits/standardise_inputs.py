"""Inputs brought to mean 0 and spread 1."""

from collections.abc import Mapping

from torch import Tensor

from trainwell.edits import Edited, edits
from trainwell.edits.script import SAMPLES, mapped
from trainwell.errors import BadValue
from trainwell.preprocessing import FLOOR
from trainwell.probes.contents import tensors
from trainwell.probes.flow import trace
from trainwell.probes.parts import Parts

_SAME = 1e-3  # of a spread: what is closer to mean 0 and spread 1 needs no change


@edits.add("standardise-inputs", paper="http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf")
def standardise_inputs(parts: Parts) -> Edited:
    """Subtract from each feature of the inputs its mean, and divide by its spread.

    Definition: x <- (x - m) / s, with mean m and standard deviation s of the feature, or channel, over the training
    samples; the same m and s for the validation samples. A feature that is constant becomes 0.

    Reach for it when inputs are far from mean 0 and spread 1, or their features differ by decades in scale.

    Leave it when a norm reads the input, or when the inputs are mostly zeros that mean `nothing there`.

    Cost: one pass over the samples, once; the numbers m and s have to go with the model.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where inputs are no floating-point tensors, are standardised already, or hold values
        that are not finite.

    Reference:
        LeCun et al., "Efficient BackProp", 1998, section 4.3.
    """
    seen = parts.train.first(SAMPLES)[0]
    if not isinstance(seen, Tensor | Mapping):
        return Edited(why_not=f"the inputs are {type(seen).__name__}, neither a tensor nor a dict of tensors")
    found = {name: tensor for name, tensor in tensors(seen) if tensor.is_floating_point() and "." not in name}
    if not found:
        return Edited(why_not="no input holds floating-point numbers")
    if any(not tensor.isfinite().all() for tensor in found.values()):
        return Edited(why_not="the inputs hold values that are not finite: fill these first")
    code, made, needed = "", {}, False
    for number, (name, tensor) in enumerate(found.items()):
        axis = feature_axis(parts, tensor)
        dims = tuple(each for each in range(tensor.ndim) if each != axis) or (0,)
        mean, spread = tensor.double().mean(dims), tensor.double().std(dims, correction=0)
        varies = spread > FLOOR * tensor.double().abs().amax(dims)
        needed |= bool((mean.abs() > _SAME * spread).any() or ((spread[varies] - 1).abs() > _SAME).any())
        called = f"_{number}" if len(found) > 1 else ""
        code += _statistics(f"train[0]{f'[{name!r}]' if name else ''}", dims, called)
        inside = f"x[{name!r}]" if name else "x"
        made[name] = f"(({inside}.double() - mean{called}) / spread{called}).to({inside}.dtype)"
    if not needed:
        return Edited(why_not="the inputs have mean 0 and spread 1 already")
    return mapped(parts, "inputs standardised", code, x=exchanged_inputs(made))


def feature_axis(parts: Parts, tensor: Tensor) -> int:
    """The axis along which the features lie: 1, or the last one where what reads a sequence goes along that."""
    if tensor.ndim < 3:
        return tensor.ndim - 1
    try:
        reading = trace(parts.model, parts.train.first(2)[0], forward=parts.forward).first()
    except BadValue:
        return 1
    wide = [
        op for op in reading if op.id == "linear" or op.kind == "recurrent" or (op.kind == "norm" and op.id == "layer")
    ]
    along = any(op.weight is None or op.weight.shape[-1] == tensor.shape[-1] for op in wide)
    return tensor.ndim - 1 if along and tensor.ndim == 3 else 1


def exchanged_inputs(made: Mapping[str, str]) -> str:
    """The expression for new inputs from those of their tensors by name, or by "" where the input is one tensor."""
    return made[""] if "" in made else f"{{**x, {', '.join(f'{name!r}: {each}' for name, each in made.items())}}}"


def _statistics(x: str, dims: tuple[int, ...], called: str) -> str:
    return (
        f"mean{called} = {x}.double().mean({dims}, keepdim=True)\n"
        f"spread{called} = {x}.double().std({dims}, correction=0, keepdim=True)\n"
        f"largest{called} = {x}.double().abs().amax({dims}, keepdim=True)\n"
        f"spread{called}[spread{called} <= {FLOOR:g} * largest{called}] = 1.0  # constants become 0\n"
    )
