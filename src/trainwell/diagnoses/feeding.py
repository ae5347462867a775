"""Feeding: which tensors of the inputs the weights get as they are, so that their scale matters."""

import math
import statistics

from trainwell.diagnoses.evidence import Evidence
from trainwell.probes.inputs import Input
from trainwell.probes.kinds import Kind

_THROUGH: frozenset[Kind] = frozenset({"shape", "dropout", "pool", "join"})


def fed(evidence: Evidence) -> tuple[Input, ...]:
    """The tensors of fractional numbers, where at least one layer reads inputs that no norm has put in order.

    Numbers of whole types are not scaled by anybody: they are looked up in tables. Where the graph is not known, all
    tensors are taken to be read as they are.
    """
    if evidence.inputs is None:
        return ()
    if evidence.architecture is not None:
        first = evidence.architecture.flow().first(_THROUGH)
        if first and all(op.kind == "norm" for op in first):
            return ()
    return tuple(part for part in evidence.inputs.parts if "int" not in part.dtype and part.dtype != "bool")


def spread(part: Input) -> float | None:
    """Root mean square of the standard deviations of the features that vary; None without such a feature."""
    found = [value for value in part.spreads if value]
    return math.sqrt(sum(value * value for value in found) / len(found)) if found else None


def offset(part: Input) -> float | None:
    """Root mean square of the means of the features that vary, over that of their standard deviations.

    It says what a sum over the features sees: a column that hardly varies weighs little in it.
    """
    found = [(mean, value) for mean, value in zip(part.means, part.spreads, strict=True) if value and mean is not None]
    varying = sum(value * value for _, value in found)
    return math.sqrt(sum(mean * mean for mean, _ in found) / varying) if varying else None


def prominence(part: Input) -> float | None:
    """By how many powers of ten the feature that varies most does so more than the middle one.

    Features that vary far less than most are not heard, and seldom missed; one that varies far more drowns all others.
    """
    found = [value for value in part.spreads if value]
    return math.log10(max(found) / statistics.median(found)) if found else None
