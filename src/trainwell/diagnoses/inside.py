"""Inside: which activation the record of some units is of, and where that one is flat."""

from trainwell.activations import activations
from trainwell.diagnoses.evidence import Evidence, Unit
from trainwell.probes.kinds import kind_of_function


def flat_units(evidence: Evidence, units: tuple[Unit, ...], where: str) -> list[Unit]:
    """Those of the units whose activation goes flat there by the facts of its family: `below` or `both`.

    Softmax is left out: its units depend on each other, and it is flat for all but the largest by design.
    """
    return [unit for unit in units if _saturates(activation_of(evidence, unit)) == where]


def activation_of(evidence: Evidence, unit: Unit) -> str:
    """Id of the activation; empty where it is not known.

    The name is that of a module, or of the module that calls a function and the function: `block.relu()`; `:2` behind
    it says that it ran for the second time.
    """
    name = unit.name.partition(":")[0]
    called = name.rpartition(".")[2]
    if called.endswith("()"):
        return kind_of_function(called.removesuffix("()"), 1, has_weight=False)[1]
    layers = evidence.architecture.layers if evidence.architecture else ()
    return next((layer.id for layer in layers if layer.name == name), "")


def _saturates(id: str) -> str:
    return str(activations[id].facts.get("saturates")) if id in activations and id != "softmax" else ""
