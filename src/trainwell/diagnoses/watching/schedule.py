"""Schedule: in which steps a training is looked into."""

_FIRST = 10  # steps between two looks, at least
_MOST = 1000  # steps between two looks, at most


def next_look(step: int, every: int | None, total: int | None, length: int) -> int | None:
    """The step of the next look after one at `step`.

    It goes by steps alone, so that the same training is seen in the same way on any machine. What goes wrong mostly
    does
    so early: looks lie close at first, and the cost of all of them grows with the logarithm of the steps, up to 1000
    steps between two.

    Args:
        step: Steps taken before the last look.
        every: Steps between two looks, no fewer than a look takes; None for as many as there were so far, at least 10
            and at most 1000.
        total: Steps of the whole training, so that the last look is at its end; None where nobody knows.
        length: Steps that a look takes.

    Returns:
        None behind the last look.
    """
    coming = step + max(length, min(max(_FIRST, step), _MOST) if every is None else every)
    if total is None or coming <= total - length:
        return coming
    return total - length if step < total - length else None
