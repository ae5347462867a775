"""Sigmoid or tanh in the hidden layers of a deep network without norm."""

from trainwell.diagnoses.rules import Breach, Case, rules

# Sigmoid's slope is at most 1/4: four in a row leave at most 1/256 of the gradient. Tanh's slope reaches 1, but its
# root mean square over a standard normal signal is 0.68: five in a row leave 0.15 of it.
_MOST = {"sigmoid": 4, "tanh": 5}


@rules.add(
    "saturating_hidden",
    paper="https://proceedings.mlr.press/v9/glorot10a.html",
    severity="warning",
    looks_inside=True,
)
def saturating_hidden(case: Case) -> Breach | None:
    """Sigmoid and tanh take away a share of the gradient in each layer, and more where they saturate.

    Definition: fires from 4 sigmoid or 5 tanh layers in a row without a norm between them: four slopes of at most 1/4
    leave 1/256 of the gradient, five of tanh (0.68 at a signal of spread 1) leave 0.15. The weights can make up for the
    factor at the start, not for saturation; for tanh they do so well enough (Glorot's keep ten layers alive) that it is
    a note. Gates, last layers and the insides of recurrent layers do not count.

    Reach for it in every network; it is asked by itself.

    Leave it (`silence=saturating_hidden`) when the vanishing is what is to be seen, or for a historic network.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the number of such layers in a row.

    Reference:
        Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 3.
    """
    for id, most in _MOST.items():
        depth = _depth(case, id)
        if depth >= most:
            return Breach(
                f"{depth} hidden layers in a row are {id}, and no norm is between them: the gradient shrinks from "
                "layer to layer.",
                case.change(
                    "Take ReLU in the hidden layers, or put a norm in front of each.", activation="relu", norm="batch"
                ),
                {"activation": id, "layers": depth},
                "note" if id == "tanh" else None,
            )
    return None


def _depth(case: Case, id: str) -> int:
    """Most activations of this id on one way through the network, counted anew behind each norm."""
    counted = {op.number for op in case.hidden(id)}
    depth: dict[int, int] = {}
    for op in case.flow.operations:
        so_far = max((depth[number] for number in op.inputs if number >= 0), default=0)
        depth[op.number] = 0 if op.kind == "norm" else so_far + (op.number in counted)
    return max(depth.values(), default=0)
