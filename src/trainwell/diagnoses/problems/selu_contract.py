"""SELU without what it needs to normalise by itself."""

import math

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.outcome import doubtful, proven
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part
from trainwell.probes.flow import PASSIVE, Flow, Kind, Operation

_THROUGH: frozenset[Kind] = PASSIVE | {"pool", "dropout", "norm"}
_LEAST = 100  # weights under which the spread of the draw is known to no better than 7 %


@problems.add(
    "selu-contract",
    paper="https://arxiv.org/abs/1706.02515",
    severity="error",
    explains=(
        "dead-units",
        "diverging-loss",
        "dropout-too-high",
        "exploding-gradient",
        "init-mismatch",
        "init-too-large",
        "init-too-small",
        "initial-loss-off",
        "input-not-centred",
        "input-not-normalised",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "loss-not-decreasing",
        "non-finite",
        "optimizer-unsuited",
        "oscillating-loss",
        "over-regularised",
        "saturated-activations",
        "too-few-epochs",
        "underfitting",
        "vanishing-gradient",
    ),
    ranges={
        "dropout": (0.02, 0.4),
        "spread": (1.15, 1.6),
        "inputs": (1.5, 10.0),
        "centre": (0.3, 5.0),
        "depth": (1.5, 6.0),
        "proven": (0.005, 0.05),
        "shortfall": (0.02, 0.2),
    },
    signs=("dropout", "weights", "inputs"),
)
def selu_contract(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """SELU keeps mean 0 and variance 1 from layer to layer only under conditions, and one of them is not met.

    Definition: in a network of more than `depth` SELU layers, (dropout) units are dropped by plain dropout of more than
    `dropout`, which multiplies the variance; or (weights) the spread sqrt(fan_in mean(w^2)) of a layer that reads
    SELU's results, as the median over these layers, is off 1 by more than the factor `spread`; or (inputs) the inputs
    have a root mean square off 1 by more than the factor `inputs`, or means of more than `centre`. It speaks where the
    training ends by `shortfall` below what is possible, or was cut short, and is silent where it ends within `proven`
    of it.

    Looks like: signals that shrink or grow from layer to layer, as without any norm.

    Causes: ReLU exchanged for SELU and nothing else; torch's own start, of a third of the variance.

    Fixes, in order: weights of variance 1 / fan_in and biases of 0; nn.AlphaDropout; standardised inputs.

    Mistaken for: SELU as a mere activation in a shallow network, where it does as well as ELU.

    Args:
        evidence: What is known.
        limits: `dropout`: probability; `spread`, `inputs`: factors; `centre`: in spreads; `depth`: layers; `proven`,
            `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, sections 2 and 3.
    """
    graph = evidence.architecture
    if graph is None or proven(evidence, limits["proven"]) or not doubtful(evidence, limits["shortfall"]):
        return None
    flow = graph.flow()
    hidden = [op for op in flow.of("activation") if op.id == "selu" and flow.comes_from_layer(op) and flow.leads_on(op)]
    hidden = [op for op in hidden if any(reader.kind != "product" for reader in flow.behind(op))]
    if len(hidden) < limits["depth"]:
        return None
    stack = f"{len(hidden)} SELU layers keep mean 0 and variance 1 only"
    plain = [op for op in flow.of("dropout") if op.id in ("dropout", "channel_dropout") and op.p > limits["dropout"]]
    if plain:
        return Suspicion(
            "dropout",
            f"{stack} with alpha dropout; plain dropout of {plain[0].p:g} multiplies the variance by "
            f"{1 / max(1e-9, 1 - plain[0].p):.2g} each time.",
            "Take nn.AlphaDropout, at 0.05 or 0.1.",
            {"p": plain[0].p, "p_limit": limits["dropout"]},
            where=plain[0].name,
            fixes=(Part("edits", "dropout", {"p": 0.05}),),
        )
    spreads = _spreads(evidence, flow, hidden)
    middle = sorted(spreads.values())[len(spreads) // 2] if spreads else None
    if middle is not None and (middle <= 0 or abs(math.log(middle)) > math.log(limits["spread"])):
        return Suspicion(
            "weights",
            f"{stack} with weights of spread 1 / sqrt(fan_in); these are {middle:.2g} times that, and {len(hidden)} "
            f"layers make {middle ** len(hidden):.1g} of it.",
            "Draw them by LeCun's rule: nn.init.kaiming_normal_(weight, nonlinearity='linear'), biases 0.",
            {"spread": middle, "spread_limit": limits["spread"]},
            where=next(iter(spreads)),
            fixes=(Part("edits", "initialise", {}),),
        )
    if any(op.kind == "norm" for op in flow.first()) or evidence.inputs is None:
        return None
    for part in evidence.inputs.parts:
        if part.scale is None or not part.scale:
            continue
        mean = max((abs(value) for value in part.means if value is not None), default=0.0)
        off = max(part.scale, 1 / part.scale)
        if off > limits["inputs"] or mean > limits["centre"]:
            return Suspicion(
                "inputs",
                f"{stack} for inputs that have them; here the root mean square is {part.scale:.3g} and means reach "
                f"{mean:.3g}.",
                "Standardise the inputs, each feature by its mean and spread over the training samples.",
                {"scale": part.scale, "factor_limit": limits["inputs"], "mean": mean, "mean_limit": limits["centre"]},
                where=part.name,
                fixes=(Part("edits", "standardise-inputs", {}),),
            )
    return None


def _spreads(evidence: Evidence, flow: Flow, hidden: list[Operation]) -> dict[str, float]:
    """Spread of the layers in front of a SELU, by name."""
    assert evidence.architecture is not None
    layers = {op.number for each in hidden for op in flow.before(each, _THROUGH) if op.kind == "layer"}
    found = [evidence.architecture.layers[number] for number in sorted(layers)]
    return {one.name: one.spread for one in found if one.spread is not None and math.prod(one.shape) >= _LEAST}
