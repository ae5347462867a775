"""Mixed images under a loss that takes hard labels only."""

from trainwell.augmentations import augmentations
from trainwell.diagnoses.rules import Breach, Case, rules
from trainwell.losses import losses


@rules.add("mixed_labels", paper="https://arxiv.org/abs/1710.09412", severity="error", looks_inside=False, final=True)
def mixed_labels(case: Case) -> Breach | None:
    """Mixup and cutmix blend the labels with the images; a loss that takes one class a sample cannot be given a blend.

    Definition: an augmentation with the fact `mixes_labels` goes with a loss without the fact `soft_targets`.

    Reach for it wherever images are mixed; it is asked by itself.

    Leave it: it cannot be left out to any use, since the loss refuses the targets.

    Cost: none.

    Args:
        case: What is about to be trained.

    Returns:
        The breach.

    Reference:
        Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018, section 2: the labels are mixed too.
    """
    mixing = [part.name for part in case.recipe.augment if augmentations[part.name].facts.get("mixes_labels")]
    loss = case.recipe.loss.name
    if not mixing or losses[loss].facts.get("soft_targets", True) or not case.shape.classes:
        return None
    return Breach(
        f"augment={','.join(mixing)} mixes labels, and loss={loss} takes one class a sample.",
        f"Set loss=cross_entropy, or augment without {' and '.join(mixing)}.",
        {"augment": mixing},
    )
