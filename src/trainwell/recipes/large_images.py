"""Photos: a residual network trained from scratch."""

from trainwell.augmentations import augmentations
from trainwell.averages import averages
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import Shape, batch_size, loss_for, measured, recipes
from trainwell.schedules import schedules


@recipes.add("large_images", paper="https://arxiv.org/abs/1512.03385")
def large_images(shape: Shape) -> Recipe:
    """ResNet-18 with Nesterov SGD, warm-up and cosine decay, flips, crops, and an average of the weights.

    Definition: branches that start at 0, a rate of 0.1 for a batch of 256 and in proportion, momentum 0.9, decay of
    5e-4, a tenth of the steps as warm-up and a cosine to 1 % behind it, labels smoothed by 0.1; what is kept is the
    moving average of the weights. 20 epochs over 10,000 photos, more over fewer with the square root.

    Reach for it with any images of more than 64 pixels: it is what `fit` takes by itself.

    Leave it when there are only some hundred photos: from scratch they teach little. To follow the paper itself take
    resnet-he.

    Cost: 15 to 40 epochs of resnet18, 1.8 billion multiplications an image of 224 x 224: hours on a CPU from some
    thousand photos on.

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
        loss=loss_for(shape, smoothing=0.1),
        optimizer=optimizers.part("sgd", lr=0.1 * size / 256, momentum=0.9, nesterov=True, weight_decay=5e-4),
        schedule=schedules.part("cosine", final=0.01),
        warmup=0.1,
        epochs=float(min(40, max(15, round(20 * (10_000 / shape.count) ** 0.5)))),
        batch_size=size,
        preprocess=preprocessing.part("standardize"),
        augment=tuple(augmentations.part(name) for name in augment),
        average=averages.part("ema", decay=0.99),
        measure=measured(),
        views="one" if shape.reads_one_way else "flip",
    )
