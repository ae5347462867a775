"""Rare classes that a trained network never gets right: what accuracy does not show."""

import torch
from torch import nn

from trainwell.data.dataset import listed
from trainwell.diagnoses import Finding
from trainwell.training.balance import UNEVEN, class_counts, unevenness
from trainwell.training.engine import Engine
from trainwell.training.evaluate import outputs
from trainwell.training.setup import Setup


def missed_classes(model: nn.Module, setup: Setup, engine: Engine) -> list[Finding]:
    """A finding where rare classes are answered by others for all samples that nothing was trained on; else none.

    Asked where the largest class has more than ten times the training samples of the smallest, of the classes that have
    less than a tenth of the largest: one more pass over the validation and held-out samples.

    Args:
        model: With the weights that were kept, on the engine's device.
        setup: What was trained.
        engine: How to compute.
    """
    counts = class_counts(setup.feeds["train"])
    unseen = [feed for split, feed in setup.feeds.items() if split != "train"]
    if unevenness(counts) <= UNEVEN or not unseen:
        return []
    found = [outputs(model, feed, engine) for feed in unseen]
    target = torch.cat([targets for _, targets in found])
    right = torch.cat([probabilities.argmax(1) for probabilities, _ in found]) == target
    held = target.bincount(minlength=len(counts)).tolist()
    hits = target[right].bincount(minlength=len(counts)).tolist()
    rare = [number for number, count in enumerate(counts) if 0 < count * UNEVEN < max(counts)]
    missed = [number for number in rare if held[number] and not hits[number]]
    if not missed:
        return []
    names = listed([setup.data.classes[number] for number in missed])
    samples = sum(held[number] for number in missed)
    recipe = setup.recipe
    undone = recipe.balance == "none" and recipe.loss.args.get("weights") is None
    return [
        Finding(
            "missed-classes",
            "warning",
            f"Of {names} none of the {samples:,} samples set aside is recognised: recall 0. In training these classes "
            f"have fewer than a {UNEVEN:.0f}th of the samples of the largest.",
            "Set balance=prior, sampler or weights, and judge by macro_f1 of evaluate; better, get more of the rare "
            "classes."
            if undone
            else "Get more samples of the rare classes, or try another balance.",
            {"classes": [setup.data.classes[number] for number in missed], "samples": samples},
        )
    ]
