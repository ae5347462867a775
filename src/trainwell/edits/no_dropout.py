"""No dropout."""

from trainwell.edits import Edited, edits
from trainwell.edits.dropout import dropping, lines
from trainwell.edits.script import carried_out
from trainwell.probes.parts import Parts


@edits.add("no-dropout", paper="https://jmlr.org/papers/v15/srivastava14a.html")
def no_dropout(parts: Parts) -> Edited:
    """Drop nothing any more.

    Definition: every probability of dropping is set to 0: of dropout layers, and of recurrent and attention layers.

    Reach for it when training samples score below validation samples, or the loss of training stays high.

    Leave it when the network learns its samples by heart.

    Cost: none; it trains faster.

    Args:
        parts: Changed in place.

    Returns:
        What was changed; refused where no module drops anything.

    Reference:
        Srivastava et al., "Dropout", 2014, section 7.
    """
    found = dropping(parts.model)
    if not found:
        return Edited(why_not="no module drops anything")
    largest = max(p for _, _, p in found)
    return carried_out(parts, f"dropout {largest:g} -> 0", lines(parts.model, found, 0.0))
