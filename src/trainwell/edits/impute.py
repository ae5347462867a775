"""Missing values filled in."""

from collections.abc import Mapping

from torch import Tensor

from trainwell.edits import Edited, edits
from trainwell.edits.script import SAMPLES, mapped
from trainwell.edits.standardise_inputs import exchanged_inputs, feature_axis
from trainwell.probes.contents import tensors
from trainwell.probes.parts import Parts


@edits.add("impute", paper="https://scikit-learn.org/stable/modules/impute.html")
def impute(parts: Parts) -> Edited:
    """Fill what is not finite in the inputs with the mean of its feature.

    Definition: NaN and infinities become the mean of the finite values of the feature over the training samples, 0
    where there are none.

    Reach for it when inputs hold NaN: one of them makes every output of its batch NaN, and every weight after a step.

    Leave it when that a value is missing says something: then give the network a mask as well.

    Cost: one pass over the samples, once.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where all is finite, or the inputs are no tensors.

    Reference:
        scikit-learn user guide, "Imputation of missing values", `SimpleImputer`.
    """
    seen = parts.train.first(SAMPLES)[0]
    if not isinstance(seen, Tensor | Mapping):
        return Edited(why_not=f"the inputs are {type(seen).__name__}, neither a tensor nor a dict of tensors")
    found = {
        name: tensor
        for name, tensor in tensors(seen)
        if tensor.is_floating_point() and "." not in name and not tensor.isfinite().all()
    }
    if not found:
        return Edited(why_not="all values of the inputs are finite")
    code, made = "", {}
    for number, (name, tensor) in enumerate(found.items()):
        axis = feature_axis(parts, tensor)
        dims = tuple(each for each in range(tensor.ndim) if each != axis) or (0,)
        x = f"train[0]{f'[{name!r}]' if name else ''}"
        mean = f"filled_{number}" if len(found) > 1 else "filled"
        code += (
            f"finite = {x}.double().where({x}.isfinite(), torch.nan)\n"
            f"{mean} = finite.nanmean({dims}, keepdim=True).nan_to_num(0.0)\n"
        )
        inside = f"x[{name!r}]" if name else "x"
        made[name] = f"{inside}.where({inside}.isfinite(), {mean}.to({inside}.dtype))"
    share = max(float((~tensor.isfinite()).double().mean()) for tensor in found.values())
    return mapped(
        parts, f"{share:.1%} of the inputs filled with the mean of their feature", code, x=exchanged_inputs(made)
    )
