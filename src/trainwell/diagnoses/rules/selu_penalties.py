"""SELU with weights that are pulled towards zero or held in bounds."""

from trainwell.diagnoses.rules import Breach, Case, decay_of, rules
from trainwell.parameters import weights_of
from trainwell.penalties import penalties


@rules.add("selu_penalties", paper="https://arxiv.org/abs/1706.02515", severity="warning", looks_inside=True)
def selu_penalties(case: Case) -> Breach | None:
    """SELU's fixed point asks for weights of variance 1 / fan_in; whatever shrinks them breaks it.

    Definition: no L1, L2 or max-norm, and no weight decay, which is L2 by another name, in a network whose hidden
    layers are SELU.

    Reach for it wherever hidden layers are SELU; it is asked by itself.

    Leave it (`silence=selu_penalties`) when the decay is small and the run is short: what it takes away grows with the
    rate times the decay times the number of steps.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the penalties by name.

    Reference:
        Géron, "Hands-On Machine Learning", 3rd edition, 2022, chapter 11, on the conditions of self-normalisation.
    """
    if not case.hidden("selu"):
        return None
    found = [part.name for part in case.recipe.penalties if penalties[part.name].facts.get("breaks_selu")]
    decay = max((decay_of(parameter, case.groups) for parameter in weights_of(case.model)), default=0.0)
    changes = [f"penalties without {', '.join(found)}"] if found else []
    changes += ["optimizer.weight_decay=0"] if decay else []
    if not changes:
        return None
    what = found + ([f"a weight decay of {decay:g}"] if decay else [])
    return Breach(
        f"SELU needs weights of variance 1 / fan_in, and {' and '.join(what)} will shrink them.",
        f"Set {' and '.join(changes)}; to regularise take model.dropout=alpha_dropout.",
        {"penalties": found, "weight_decay": decay},
    )
