"""The network learns its samples by heart."""

from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.problems import Limits, Suspicion, problems
from trainwell.family import Part


@problems.add(
    "overfitting",
    paper="https://jmlr.org/papers/v15/srivastava14a.html",
    severity="warning",
    explains=(),
    ranges={"gap": (0.05, 0.4), "rise": (0.1, 3.0), "learnt": (0.9, 0.999)},
    signs=("rise", "by-heart"),
)
def overfitting(evidence: Evidence, limits: Limits) -> Suspicion | None:
    """Training samples are answered well and others are not: learnt is what they are, not what they have in common.

    Definition: the score of training samples is above that of validation samples by more than `gap`, and the validation
    loss ends above its lowest point by more than the share `rise`; or the gap is as wide, and the training samples
    score more than `learnt`: there is nothing left in them to learn.

    Looks like: the training loss goes on falling while the validation loss turns and rises.

    Causes: few samples for the size of the network; labels that are partly wrong; training for too long; no
    regularisation.

    Fixes, in order: more samples or augmentation; stop earlier; weight decay; dropout; a smaller network.

    Mistaken for: a validation part that is drawn otherwise (see `shift`), and a small gap that every network has.

    Args:
        evidence: What is known.
        limits: `gap`: of score; `rise`: share of the lowest validation loss; `learnt`: score.

    Returns:
        What speaks for it.

    Reference:
        Srivastava et al., "Dropout", 2014, section 1.
    """
    curves = evidence.watched
    if curves is None or curves.end is None or curves.train_end is None or not curves.valid_loss:
        return None
    gap = curves.train_end - curves.end
    lowest = min(curves.valid_loss)
    rise = curves.valid_loss[-1] / lowest - 1 if lowest > 0 else 0.0
    if gap <= limits["gap"] or not (rise > limits["rise"] or curves.train_end > limits["learnt"]):
        return None
    risen = f", and the validation loss has risen by {rise:.0%} from its lowest point" if rise > limits["rise"] else ""
    return Suspicion(
        "rise" if rise > limits["rise"] else "by-heart",
        f"Training samples score {curves.train_end:.3f}, validation samples {curves.end:.3f}{risen}: the network "
        "learns its samples by heart.",
        "Give it more samples or augment them, stop earlier, or regularise: weight decay, then dropout.",
        {"gap": gap, "gap_limit": limits["gap"], "rise": rise, "rise_limit": limits["rise"]},
        fixes=(Part("edits", "regularise", {}),),
    )
