"""A norm that does not normalise, or normalises everything away."""

import math

from trainwell.diagnoses.evidence import Evidence, Layer
from trainwell.diagnoses.outcome import FRUITLESS, doubtful, proven, shortfall
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part

_SANE = 0.01  # ten times the largest eps of any library
_NOTHING = 1e-3  # of the scale of a norm, under which its result is rounding; inputs so small are another matter
_CONSTANT = 0.5  # share of units that a norm may give as constants, as it does behind dead ones


@problems.add(
    "normalisation-broken",
    paper="https://arxiv.org/abs/1502.03167",
    severity="error",
    explains=(
        *FRUITLESS,
        "init-mismatch",
        "init-too-large",
        "init-too-small",
        "non-finite",
        "overfitting",
    ),
    ranges={
        "eps": (0.1, 100.0),
        "memory": (0.02, 0.6),
        "samples": (4.0, 40.0),
        "rows": (1.5, 5.0),
        "agreement": (0.3, 0.95),
        "proven": (0.005, 0.1),
        "shortfall": (0.02, 0.3),
    },
    signs=("single", "eps", "memory", "few", "rows", "modes"),
)
def normalisation_broken(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Statistics of a norm are taken over too little, are not those of the data, or drown in its eps.

    Definition: one of these, in a network that is not known to end within `proven` of what is possible. (single) A norm
    gives constants for inputs that are none, since each of its groups holds a single number. (eps) Its eps is more than
    `eps` times the mean square of what it reads, and larger than any library's own. (memory) Batch norm's running
    statistics still hold the share `memory` of their start when training ends: (1 - momentum)^steps. (few) They hold
    the last few batches alone: batch_size (2 - momentum) / momentum is under `samples`. (rows) Batch norm of single
    features over batches of no more than `rows`, of which little but the signs is left. (modes) Trained outputs of both
    modes correlate by less than `agreement`, dropout left aside. From `few` on, `shortfall` has to be missing too.

    Looks like: training scores that evaluation does not show; a loss that sits at that of a constant answer.

    Causes: momentum by another library's convention, which is 1 - torch's; a norm behind a pooling to 1 x 1, or over
    the single output; tiny batches.

    Fixes, in order: torch's own eps and momentum; larger batches, or a group norm; leave the norm out.

    Mistaken for: the last batch norm of a residual branch started at 0, which is healthy.

    Args:
        evidence: What is known.
        limits: `eps`, `memory`, `samples`, `rows`, `agreement`: as above; `proven`, `shortfall`: of score.

    Returns:
        What speaks for it.

    Reference:
        Ioffe, Szegedy, "Batch Normalization", 2015, section 3; Wu, He, "Group Normalization", 2018, section 3.
    """
    graph = evidence.architecture
    if graph is None or proven(evidence, limits["proven"]):
        return None
    norms = [layer for layer in graph.layers if layer.kind == "norm"]
    if not norms:
        return None
    said = _drowned(evidence, norms, limits) or _constant(evidence) or _kept(evidence, norms, limits)
    if said is not None or not doubtful(evidence, limits["shortfall"]):
        return said
    return _tiny(evidence, norms, limits) or _apart(evidence, norms, limits)


def _constant(evidence: Evidence) -> Suspicion | None:
    """A norm whose result is the same for all samples."""
    if evidence.signal is None:
        return None
    points = {point.number: point for point in evidence.signal.points}
    scales = {weight.name: weight.norm / math.sqrt(math.prod(weight.shape)) for weight in evidence.signal.weights}
    for point in points.values():
        read = [points[number] for number in point.inputs if number in points]
        scale = scales.get(f"{point.name}.weight", 1.0)
        if point.kind != "norm" or not read or not scale:
            continue
        before = read[0].values
        nothing = (point.values.constant_units or 0.0) > _CONSTANT or point.values.rms < _NOTHING * scale
        if nothing and (before.constant_units or 0.0) < _CONSTANT and before.rms > _NOTHING:
            return Suspicion(
                "single",
                f"{point.name} gives the same for all samples: it normalises over single numbers, so that each is its "
                "own mean, and nothing is left.",
                "Normalise over more than one number, or leave this norm out.",
                {"constant_units": point.values.constant_units, "rms": point.values.rms, "before": before.rms},
                where=point.name,
                fixes=(Part("edits", "norm", {}),),
            )
    return None


def _drowned(evidence: Evidence, norms: list[Layer], limits: Limits) -> Suspicion | None:
    """An eps beside which the variance is nothing."""
    squares = {point.number: point.values.rms**2 for point in evidence.signal.points} if evidence.signal else {}
    for norm in norms:
        eps = norm.settings.get("eps")
        read = [squares[number] for number in norm.inputs if number in squares]
        if eps is None or eps < _SANE or not read or not read[0]:
            continue
        if eps / read[0] > limits["eps"]:
            return Suspicion(
                "eps",
                f"eps={eps:g} of {norm.name} is {eps / read[0]:.2g} times the mean square of what it reads: it divides "
                "by its own eps, and the signal shrinks.",
                "Take torch's own, 1e-5.",
                {"eps": eps, "ratio": eps / read[0], "ratio_limit": limits["eps"]},
                where=norm.name,
                fixes=(Part("edits", "norm-defaults", {}),),
            )
    return None


def _kept(evidence: Evidence, norms: list[Layer], limits: Limits) -> Suspicion | None:
    """Running statistics that never leave their start."""
    for norm in _tracking(norms):
        memory = (1 - min(1.0, norm.settings["momentum"])) ** evidence.facts.steps
        if memory > limits["memory"]:
            return Suspicion(
                "memory",
                f"With momentum={norm.settings['momentum']:g} the running statistics of {norm.name} still hold "
                f"{memory:.0%} of their start after {evidence.facts.steps} steps: evaluation divides by numbers that "
                "are not of the data.",
                "Take torch's own momentum, 0.1; it is 1 minus that of other libraries.",
                {"memory": memory, "memory_limit": limits["memory"], "momentum": norm.settings["momentum"]},
                where=norm.name,
                fixes=(Part("edits", "norm-defaults", {}),),
            )
    return None


def _tiny(evidence: Evidence, norms: list[Layer], limits: Limits) -> Suspicion | None:
    """Statistics over next to nothing."""
    assert evidence.architecture is not None
    size, flow = evidence.facts.batch_size, evidence.architecture.flow()
    for norm in _tracking(norms):
        momentum = min(1.0, norm.settings["momentum"])
        samples = size * (2 - momentum) / momentum if momentum else float("inf")
        if samples < limits["samples"] and momentum > 0.5:
            return Suspicion(
                "few",
                f"With momentum={momentum:g} the running statistics of {norm.name} are those of the last {samples:.0f} "
                "samples: evaluation depends on which they happened to be.",
                "Take torch's own momentum, 0.1; it is 1 minus that of other libraries.",
                {"samples": samples, "samples_limit": limits["samples"], "momentum": momentum},
                where=norm.name,
                fixes=(Part("edits", "norm-defaults", {}),),
            )
    for norm in norms:
        before = [op for op in flow.before(flow.operations[norm.number]) if op.id == "linear"]
        if norm.id == "batch" and before and size <= limits["rows"]:
            return Suspicion(
                "rows",
                f"{norm.name} normalises each feature over batches of {size}: little but the signs of the differences "
                "is left.",
                "Take batches of 16 or more, or a layer norm.",
                {"rows": size, "rows_limit": limits["rows"]},
                where=norm.name,
                fixes=(Part("edits", "batch-size", {"size": 32}),),
            )
    return None


def _apart(evidence: Evidence, norms: list[Layer], limits: Limits) -> Suspicion | None:
    """A trained network that says something else in evaluation mode."""
    after, missing = evidence.outputs_after, shortfall(evidence)
    cut = evidence.watched is None or evidence.watched.cut
    if after is None or after.agreement is None or cut or after.num_tracked is None or missing is None:
        return None
    if after.agreement >= limits["agreement"] or not _tracking(norms):
        return None
    return Suspicion(
        "modes",
        f"After training the outputs in evaluation mode correlate by only {after.agreement:.2f} with those in training "
        "mode: the running statistics of batch norm are not those of the batches.",
        "Take larger batches, torch's own momentum, or a norm that does not look at the batch.",
        {"agreement": after.agreement, "agreement_limit": limits["agreement"], "shortfall": missing},
        where=_tracking(norms)[0].name,
        fixes=(Part("edits", "norm-defaults", {}),),
    )


def _tracking(norms: list[Layer]) -> list[Layer]:
    """Batch norms with running statistics and a momentum."""
    return [
        norm
        for norm in norms
        if norm.id in ("batch", "instance")
        and "momentum" in norm.settings
        and norm.settings.get("track_running_stats", 1.0)
    ]
