"""Softmax or sigmoid in front of a loss that makes the probabilities itself."""

from trainwell.diagnoses.rules import Breach, Case, listed, rules
from trainwell.losses import losses
from trainwell.probes.flow import PASSIVE, Kind

_THROUGH: frozenset[Kind] = PASSIVE | {"scale"}
_PROBABILITIES = ("softmax", "log_softmax", "sigmoid", "log_sigmoid")


@rules.add(
    "softmax_before_loss",
    paper="https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
    severity="error",
    looks_inside=True,
)
def softmax_before_loss(case: Case) -> Breach | None:
    """Cross-entropy takes logits: a softmax in front of it is applied twice, and flattens the gradient.

    Definition: the last thing that the network does is a softmax, a sigmoid or a logarithm of one, and the loss expects
    logits. Of C probabilities in [0, 1] a second softmax makes none above e / (e + C - 1): for ten classes the loss
    cannot fall below 1.46. A log-softmax in front of cross-entropy changes nothing, as it is its own logarithm: a note.

    Reach for it in every network; it is asked by itself.

    Leave it (`silence=softmax_before_loss`) only to see the effect.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach; a note for a log-softmax in front of cross-entropy.

    Reference:
        PyTorch, `torch.nn.CrossEntropyLoss`: "The input is expected to contain the unnormalized logits for each class".
    """
    loss = case.recipe.loss.name
    if losses[loss].facts.get("expects") != "logits":
        return None
    found = [op for op in case.flow.last(_THROUGH) if op.kind == "activation" and op.id in _PROBABILITIES]
    if not found:
        return None
    harmless = loss == "cross_entropy" and all(op.id == "log_softmax" for op in found)
    return Breach(
        f"The network ends with {found[0].id} ({listed(found)}), and loss={loss} expects logits: it makes the "
        "probabilities itself.",
        "Leave it out of the network, and apply it to the outputs after training where probabilities are wanted."
        + (" With log_softmax the loss is the same, for twice the work." if harmless else ""),
        {"last": found[0].id},
        "note" if harmless else None,
    )
