"""Classes of which one has many times the samples of another."""

from trainwell.diagnoses.rules import Breach, Case, rules
from trainwell.training.balance import UNEVEN, unevenness


@rules.add("uneven_classes", paper="https://arxiv.org/abs/1710.05381", severity="note", looks_inside=False)
def uneven_classes(case: Case) -> Breach | None:
    """Where one class has many times the samples of another, the rare one weighs next to nothing in the loss.

    Definition: the largest class has more than 10 times the training samples of the smallest, and neither `balance` nor
    `loss.weights` makes up for it. Accuracy hardly tells: answering with the common classes is nearly as good.

    Reach for it where the rare classes are the ones to be found; it is asked by itself.

    Leave it (`silence=uneven_classes`) when a mistake costs the same whatever the class, and new samples come in the
    same shares: then the plain loss is the right one, and its probabilities are those to be believed.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach, with the two classes and the ratio.

    Reference:
        Buda, Maki, Mazurowski, "A systematic study of the class imbalance problem", 2018; Menon et al., "Long-tail
        Learning via Logit Adjustment", 2021, section 4.
    """
    counts, recipe = case.counts, case.recipe
    ratio = unevenness(counts)
    if ratio <= UNEVEN or recipe.balance != "none" or recipe.loss.args.get("weights") is not None:
        return None
    present = [number for number, count in enumerate(counts) if count]
    common, rare = max(present, key=counts.__getitem__), min(present, key=counts.__getitem__)
    names = case.shape.classes
    return Breach(
        f"Class {names[common]} has {counts[common]:,} training samples and {names[rare]} {counts[rare]:,}, "
        f"{ratio:.0f} times fewer: rare classes weigh next to nothing in the loss, and accuracy hardly shows it.",
        "If rare classes matter as much as common ones, set balance=prior, sampler or weights, and judge by macro_f1 "
        "of evaluate.",
        {"ratio": ratio, "largest": counts[common], "smallest": counts[rare]},
    )
