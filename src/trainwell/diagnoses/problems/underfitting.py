"""The network does not even answer its training samples."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part


@problems.add(
    "underfitting",
    paper="https://www.deeplearningbook.org/contents/ml.html",
    severity="warning",
    explains=(),
    ranges={"shortfall": (0.03, 0.4), "ratio": (0.3, 0.98)},
    signs=("bottleneck", "shortfall"),
)
def underfitting(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """The network scores less than simple learners do on the same samples, in training as well as in validation.

    Definition: all samples pass through a layer of one or two units, fewer than the answers need, and the training ends
    below the best known score by more than `shortfall`. Or it ends below that by `shortfall` and the training samples
    score under `ratio` of it too.

    Looks like: training and validation scores level off together, far below what is possible.

    Causes: a bottleneck; a network too small; anything that keeps it from learning, for which other findings are more
    to the point.

    Fixes, in order: look at the other findings; widen the narrow layer; a larger network; less regularisation.

    Mistaken for: noise in the labels, which no learner sees through; and a training that is merely short.

    Args:
        evidence: What is known.
        limits: `shortfall`: of score; `ratio`: of the best known score.

    Returns:
        What speaks for it.

    Reference:
        Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 5.2.
    """
    curves, missing = evidence.watched, evidence.shortfall
    if curves is None or curves.end is None or curves.train_end is None or missing is None or curves.cut:
        return None
    best = curves.end + missing
    narrow = _narrowest(evidence)
    if narrow is not None and missing > limits["shortfall"]:
        name, width = narrow
        return Suspicion(
            "bottleneck",
            f"All samples pass through {width} unit{'s' if width > 1 else ''} in {name}, and the network scores "
            f"{curves.end:.3f} where {best:.3f} is possible: what does not fit through there is lost.",
            "Widen the layer to the width of its neighbours.",
            {"width": width, "shortfall": missing, "shortfall_limit": limits["shortfall"]},
            where=name,
            fixes=(Part("edits", "widen", {}),),
        )
    if missing <= limits["shortfall"] or curves.train_end >= limits["ratio"] * best:
        return None
    return Suspicion(
        "shortfall",
        f"The network scores {curves.end:.3f} ({curves.train_end:.3f} on its training samples) where {best:.3f} is "
        "possible "
        "on the same samples.",
        "Something keeps it from learning; where nothing else is found, enlarge it or regularise it less.",
        {"shortfall": missing, "shortfall_limit": limits["shortfall"], "train": curves.train_end},
    )


def _narrowest(evidence: Evidence) -> tuple[str, int] | None:
    """A hidden layer of one or two units, fewer than come in and fewer than go out of its neighbours."""
    if evidence.architecture is None:
        return None
    flow = evidence.architecture.flow()
    hidden = {op.number for op in flow.hidden}
    layers = [layer for layer in evidence.architecture.layers if layer.number in hidden and len(layer.shape) >= 2]
    narrow = [layer for layer in layers if layer.shape[0] <= 2 < layer.shape[1] or layer.shape[0] == 1]
    return (narrow[0].name, narrow[0].shape[0]) if narrow else None
