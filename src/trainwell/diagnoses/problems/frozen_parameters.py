"""Parameters that were to learn, and do not."""

import math

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import FRUITLESS, doubtful, proven
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part
from trainwell.probes.step_change import StepChange

_FRESH = 1 / math.sqrt(3)  # spread of weights as torch's own layers draw them
_ERROR = 0.447  # standard error of the spread of N such weights, as a share, times sqrt(N)
_LEAST = 200  # weights under which it is known to no better than 3 %


@problems.add(
    "frozen-parameters",
    paper="https://docs.pytorch.org/docs/stable/optim.html",
    severity="error",
    explains=(*FRUITLESS, "init-too-small", "init-mismatch"),
    ranges={"share": (0.05, 0.6), "proven": (0.005, 0.1), "shortfall": (0.02, 0.3)},
    signs=("stale", "cut", "random", "fresh", "still"),
)
def frozen_parameters(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Weights stay as they were drawn: frozen, left out of the optimizer, or cut off from the loss.

    Definition: one of these. (stale) The optimizer holds none of the parameters that are to learn. (cut) It holds some
    through which the output was made, and no gradient comes to them. (random) More than the share `share` of the
    network's numbers does not learn, frozen or left out, and another seed fills them otherwise, so that nobody has
    learnt them. (fresh) The same where the program cannot be made anew: frozen weights of just the spread that torch
    draws. (still) A rate of 0, with no schedule to raise it. All are silent or notes where the training ends within
    `proven` of what is possible; random and fresh ones speak where it ends by `shortfall` below, or was cut short.

    Looks like: a loss that does not move at all, or training that stops early at a poor score.

    Causes: an optimizer made before the model was replaced or moved; `detach`, `no_grad` or `.data` on the way;
    freezing kept from fine-tuning, with weights that were never loaded.

    Fixes, in order: make the optimizer anew over `model.parameters()`; `requires_grad_(True)`.

    Mistaken for: fine-tuning, where frozen weights were learnt before; layers that the output does not use.

    Args:
        evidence: What is known.
        limits: `share`: of the numbers of the network; `proven`, `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        PyTorch, `torch.optim`, "Constructing it".
    """
    steps = evidence.step_change
    if steps is None:
        return None
    harmless = proven(evidence, limits["proven"])
    said = _certain(evidence, steps)
    if said is not None:
        return Suspicion(**{**vars(said), "severity": "note" if harmless else None})
    if harmless or not doubtful(evidence, limits["shortfall"]):
        return None
    sizes = {one.name: math.prod(one.shape) for one in evidence.signal.weights} if evidence.signal else _sizes(evidence)
    total = sum(sizes.values()) or 1
    random = [name for name in evidence.facts.random_frozen if name in sizes]
    sign = "random"
    if not random and not evidence.facts.has_build:
        sign, random = "fresh", _fresh(evidence)
    share = sum(sizes.get(name, 0) for name in random) / total
    if share <= limits["share"]:
        return None
    left_out = all(name in steps.not_held for name in random)
    return Suspicion(
        sign,
        f"{share:.0%} of the network's numbers do not learn ({_listed(random)}), and are as they were drawn: what they "
        "make of the inputs is chance.",
        "Hand the optimizer all parameters."
        if left_out
        else "Let them learn: requires_grad_(True), and the optimizer made anew; or load the weights meant for it.",
        {"share": share, "share_limit": limits["share"]},
        where=random[0],
        fixes=(Part("edits", "hold", {}) if left_out else Part("edits", "unfreeze", {}),),
    )


def _certain(evidence: Evidence, steps: StepChange) -> Suspicion | None:
    """What no training can go with."""
    learning = [change for change in steps.changes if change.trainable]
    if learning and len(steps.not_held) == len(learning):
        other = f"; it holds {len(steps.foreign)} others" if steps.foreign else ""
        return Suspicion(
            "stale",
            f"The optimizer holds none of the {len(learning)} parameters that are to learn{other}: its steps change "
            "nothing.",
            "Make the optimizer after the model is complete, over model.parameters().",
            {"held": 0, "parameters": len(learning), "foreign": len(steps.foreign)},
            fixes=(Part("edits", "hold", {}),),
        )
    cut = _cut_off(evidence, steps)
    if cut:
        return Suspicion(
            "cut",
            f"No gradient comes to {_listed(cut)}, though the output is made through it and the optimizer holds it: "
            "the graph is cut behind it.",
            "Look for detach(), .data, no_grad() or a way through numpy between it and the output.",
            {"cut": len(cut)},
            where=cut[-1],
            fixes=(Part("edits", "unfreeze", {}),),
        )
    rates = [group.settings.get("lr") for group in evidence.facts.groups if group.num_parameters]
    if any(rate == 0 for rate in rates) and not evidence.facts.scheduler:
        return Suspicion(
            "still",
            f"A learning rate of 0 holds {sum(rate == 0 for rate in rates)} of {len(rates)} parameter groups still.",
            "Give it a rate, or leave these parameters out of the optimizer.",
            {"rates": rates},
            fixes=(Part("edits", "optimizer", {"to": "adamw", "lr": 1e-3}),),
        )
    return None


def _cut_off(evidence: Evidence, steps: StepChange) -> list[str]:
    """Held parameters without a gradient, of modules through which the output was made."""
    if evidence.architecture is None:
        return []
    layers = evidence.architecture.layers
    waiting, met = list(evidence.architecture.outputs[:1]), set[int]()
    while waiting:
        number = waiting.pop()
        if number >= 0 and number not in met:
            met.add(number)
            waiting += layers[number].inputs
    ran = {layers[number].name for number in met}
    held = {change.name for change in steps.changes if change.held}
    return [name for name in steps.no_gradient if name in held and name.rpartition(".")[0] in ran]


def _sizes(evidence: Evidence) -> dict[str, int]:
    """Numbers of the weights by the graph, where no gradient was sent through them."""
    layers = evidence.architecture.layers if evidence.architecture else ()
    return {f"{layer.name}.weight": math.prod(layer.shape) for layer in layers if layer.shape}


def _fresh(evidence: Evidence) -> list[str]:
    """Weights that do not learn and have the spread of torch's own draw."""
    if evidence.architecture is None:
        return []
    left_out = set(evidence.step_change.not_held) if evidence.step_change else set()
    return [
        f"{layer.name}.weight"
        for layer in evidence.architecture.layers
        if (not layer.trainable or f"{layer.name}.weight" in left_out)
        and layer.spread is not None
        and math.prod(layer.shape) >= _LEAST
        and abs(layer.spread / _FRESH - 1) < 3 * _ERROR / math.sqrt(math.prod(layer.shape))
    ]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
