"""Samples that are learnt from and judged by."""

from trainwell.diagnoses.rules import Breach, Case, rules


@rules.add("test_in_training", paper="https://doi.org/10.1145/2382577.2382579", severity="warning", looks_inside=False)
def test_in_training(case: Case) -> Breach | None:
    """A score on samples that were trained on tells how well they were learnt by heart.

    Definition: a part that judges (valid, heldout, test) holds samples that the training split holds too, as the same
    row or as an exact copy. Where the data is dealt out here, copies stay on one side; a part that the user gave, and a
    data set of one's own, may hold any.

    Reach for it with data of one's own; it is asked by itself.

    Leave it (`silence=test_in_training`) where equal samples are different cases, as rows of a few yes-or-no columns.

    Cost: none here; samples of a data set of one's own that lie in memory are hashed once.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the number of samples by part.

    Reference:
        Kaufman et al., "Leakage in Data Mining: Formulation, Detection, and Avoidance", 2012, section 3.
    """
    shared = {part: number for part, number in case.shared.items() if number}
    if not shared:
        return None
    told = " and ".join(f"{number:,} of the {case.splits[part]:,} samples of {part}" for part, number in shared.items())
    return Breach(
        f"{told} are also among the training samples.",
        "Take them out of one of the two; scores on them are no test.",
        {"shared": shared},
    )
