"""Photos: a residual network trained from scratch."""

from trainwell.augmentations import augmentations
from trainwell.averages import averages
from trainwell.losses import losses
from trainwell.measurements import measurements
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import Shape, batch_size, recipes
from trainwell.schedules import schedules


@recipes.add("large_images", paper="https://arxiv.org/abs/1512.03385")
def large_images(shape: Shape) -> Recipe:
    """ResNet-18 with Nesterov SGD, warm-up and cosine decay, flips, crops, and an average of the weights.

    Args:
        shape: What the data is.

    Returns:
        The whole recipe; batch and epochs are sized to the number of samples.

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016; the schedule is that of Goyal et al.,
        "Accurate, Large Minibatch SGD", 2017, with a cosine in place of steps.
    """
    size = batch_size(shape.count, steps=12, low=16, high=128)
    augment = ("crop",) if shape.reads_one_way else ("flip", "crop")
    return Recipe(
        model=models.part("resnet18"),
        loss=losses.part("cross_entropy", smoothing=0.1) if shape.classes else losses.part("mse"),
        optimizer=optimizers.part("sgd", lr=0.1 * size / 256, momentum=0.9, nesterov=True, weight_decay=5e-4),
        schedule=schedules.part("cosine", final=0.01),
        warmup=0.1,
        epochs=float(min(40, max(15, round(20 * (10_000 / shape.count) ** 0.5)))),
        batch_size=size,
        preprocess=preprocessing.part("standardize"),
        augment=tuple(augmentations.part(name) for name in augment),
        average=averages.part("ema", decay=0.99),
        measure=tuple(measurements.part(name) for name in ("gradient_norm", "update_ratio")),
        views="one" if shape.reads_one_way else "flip",
    )
