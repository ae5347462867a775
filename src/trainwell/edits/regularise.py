"""Weight decay, and dropout behind the hidden activations."""

from trainwell.edits import Edited, edits
from trainwell.edits.initialise import flow_of
from trainwell.edits.script import carried_out, exchange, names_of, place
from trainwell.probes.parts import Parts


@edits.add(
    "regularise",
    paper="https://jmlr.org/papers/v15/srivastava14a.html",
    tune={"decay": (1e-4, 0.1, "log"), "dropout": (0.1, 0.5)},
    limits={"decay": "[0, inf)", "dropout": "[0, 1)"},
)
def regularise(parts: Parts, *, decay: float = 1e-3, dropout: float = 0.3) -> Edited:
    """Hold the network back from learning its samples by heart.

    Definition: the weight decay of groups that have less becomes `decay`; behind each activation between layers, that
    is a module, stands a dropout, where the network has none.

    Reach for it when training samples score far above validation samples.

    Leave it when training samples score no better than others: it would score worse on both.

    Cost: more epochs until the same loss.

    Args:
        parts: Changed in place.
        decay: Weight decay.
        dropout: Probability of dropping.

    Returns:
        What was changed; refused where there is that much decay, and dropout, already.

    Reference:
        Srivastava et al., "Dropout", 2014, section 6; Loshchilov, Hutter, 2019.
    """
    says, lines = [], []
    decays = [group.get("weight_decay") for group in parts.optimizer.param_groups]
    if any(was is not None and was < decay for was in decays):
        lines += [
            "for group in optimizer.param_groups:",
            f'    group["weight_decay"] = max(group["weight_decay"], {decay})  # was {decays[0]}',
        ]
        says.append(f"weight decay {decays[0]} -> {decay:g}")
    flow = flow_of(parts)
    if flow is not None and dropout and not flow.of("dropout"):
        found = dict.fromkeys(op.module for op in flow.of("activation") if op.module is not None and flow.leads_on(op))
        names = [name for module in found if module is not None for name in names_of(parts.model, module)]
        for name in names:
            new = f"nn.Sequential({place(parts.model, name)}, nn.Dropout({dropout}))"
            lines.append(exchange(parts.model, name, new))
        if names:
            says.append(f"dropout {dropout:g} behind {len(names)} activations")
    if not says:
        return Edited(why_not="there is that much weight decay, and dropout, already")
    return carried_out(parts, ", ".join(says), "\n".join(lines))
