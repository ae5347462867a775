"""A longer or shorter training."""

from typing import Any

from trainwell.edits import Edited, edits
from trainwell.edits.script import carried_out
from trainwell.probes.parts import Parts

_LENGTHS = ("T_max", "T_0", "step_size", "total_iters", "total_steps", "warmup_steps")


@edits.add("epochs", paper="https://arxiv.org/abs/1206.5533", limits={"factor": "(0, inf)"})
def epochs(parts: Parts, *, factor: float) -> Edited:
    """Train for more or fewer epochs.

    Definition: epochs <- factor epochs, at least 1; what a schedule counts is stretched as much.

    Reach for it when the validation score still rises at the end (factor > 1), or has fallen for long (factor < 1).

    Leave it when the loss has come to rest: it will stay there.

    Cost: `factor` times the time.

    Args:
        parts: Changed in place.
        factor: By what.

    Returns:
        What was changed; refused where it would be the same number.

    Reference:
        Bengio, "Practical recommendations for gradient-based training of deep architectures", 2012, section 3.1.1.
    """
    before = parts.epochs
    after = max(1, round(before * factor))
    if after == before:
        return Edited(why_not=f"{factor:g} times {before} epochs are as many")
    if parts.scheduler is not None:
        _stretch(parts.scheduler, after / before)
    note = "" if parts.scheduler is None else "; let the scheduler count in proportion"
    return carried_out(parts, f"epochs {before} -> {after}", f"epochs = {after}  # was {before}{note}")


def _stretch(scheduler: Any, factor: float) -> None:
    for name in _LENGTHS:
        value = getattr(scheduler, name, None)
        if isinstance(value, int) and value > 0:
            setattr(scheduler, name, max(1, round(value * factor)))
    for name in ("milestones", "_milestones"):
        value = getattr(scheduler, name, None)
        if isinstance(value, dict):  # a Counter of epochs, of MultiStepLR
            setattr(scheduler, name, type(value)({round(key * factor): count for key, count in value.items()}))
        elif isinstance(value, list):
            setattr(scheduler, name, [round(key * factor) for key in value])
    for phase in getattr(scheduler, "_schedule_phases", []):  # of OneCycleLR
        phase["end_step"] = (phase["end_step"] + 1) * factor - 1
    if type(scheduler).__name__ == "ExponentialLR":
        scheduler.gamma **= 1 / factor
    for each in getattr(scheduler, "_schedulers", []):
        _stretch(each, factor)
