"""Weight decay on the scales and shifts of norms."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from trainwell.data.dataset import count
from trainwell.diagnoses.rules import Breach, Case, decay_of, rules
from trainwell.parameters import is_norm, learnt


@rules.add("decay_on_norms", paper="https://arxiv.org/abs/1812.01187", severity="note", looks_inside=False)
def decay_on_norms(case: Case) -> Breach | None:
    """Decay pulls a norm's scale towards 0, which takes the signal away and makes no network simpler.

    Definition: a parameter of a norm lies in a parameter group whose `weight_decay` is not 0. The groups that a recipe
    builds leave norms and biases out; `decayed_norms` asks the same of any model and optimizer. A
    note: many a network in the literature was trained so, and well.

    Reach for it with an optimizer of one's own; it is asked by itself.

    Leave it (`silence=decay_on_norms`) for a recipe from the literature that decays everything, as He et al. do.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the number of parameters.

    Reference:
        He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks", 2019, section 3.1.
    """
    found = decayed_norms(case.model, case.groups)
    if not found:
        return None
    return Breach(
        f"Weight decay acts on {count(len(found), 'parameter')} of norms: {', '.join(found[:3])}.",
        "Put them into a parameter group with weight_decay=0: optimizers.parameter_groups(model).",
        {"parameters": len(found)},
    )


def decayed_norms(model: nn.Module, groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the norms' learnt parameters on which an optimizer with these groups lets weight decay act.

    Args:
        model: Any module.
        groups: `optimizer.param_groups`.
    """
    names = {id(module): name for name, module in model.named_modules()}
    return [
        f"{names[id(module)]}.{name}".removeprefix(".")
        for module, name, parameter in learnt(model)
        if is_norm(module) and decay_of(parameter, groups) > 0
    ]
