"""A modern convolutional network with all that goes with it."""

from trainwell.augmentations import augmentations
from trainwell.averages import averages
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import MANY, Shape, batch_size, epochs_for, loss_for, measured, recipes, refuse_tables
from trainwell.schedules import scaled_rate, schedules


@recipes.add("modern-convnet", paper="https://arxiv.org/abs/2201.03545")
def modern_convnet(shape: Shape) -> Recipe:
    """ConvNeXt with AdamW, warm-up and cosine, RandAugment, mixup, CutMix, cutout, smoothing and stochastic depth.

    Definition: a rate of 4e-3 for a batch of 4096 and decay of 0.05 (on weights alone), warm-up over 20 of 300 passes,
    labels smoothed by 0.1, branches dropped up to 0.1, and a moving average of the weights. We differ: smaller networks
    where there are fewer than 100,000 images, with a scale of 0.1 on their branches, as the scale's authors have it up
    to 18 layers; a smaller batch takes a rate lower by its square root, as suits Adam; an average over some hundred
    steps in place of ten thousand; mixing is milder, as runs are shorter.

    Reach for it with ten thousand images or more and time for long training: it goes on getting better when others have
    stopped.

    Leave it when images or hours are few: small_images and resnet-he learn faster. For digits and letters some of
    RandAugment's operations are too much; leave it out by `augment=crop`.

    Cost: 0.9 million parameters for small images, 4.2 million for photos by the thousands, 28.6 million for more, and
    depthwise convolutions that a CPU runs slowly.

    Args:
        shape: What the data is: images of any size.

    Returns:
        The whole recipe; network, batch and passes are sized to the data.

    Raises:
        BadValue: The data is a table.

    Reference:
        Liu et al., "A ConvNet for the 2020s", 2022, section 2.1 and table 5; the scale: Touvron et al., "Going deeper
        with Image Transformers", 2021, section 2; the rate by batch: Malladi et al., "On the SDEs and Scaling Rules for
        Adaptive Gradient Algorithms", 2022.
    """
    refuse_tables("modern-convnet", shape)
    size = batch_size(shape.count, steps=40, low=32, high=256)
    many = shape.count >= MANY
    blocks = (3, 3, 9, 3) if many else (2, 2, 2) if shape.is_small else (2, 2, 4, 2)
    width = 96 if many else 48
    first = "crop" if shape.is_small else "resized_crop"
    names = [first, "randaugment", "cutout"] + (["mixup", "cutmix"] if shape.classes else [])
    if not shape.reads_one_way:
        names.insert(0, "flip")
    return Recipe(
        model=models.part("convnext", blocks=blocks, width=width, stochastic_depth=0.1, scale=1e-6 if many else 0.1),
        loss=loss_for(shape, smoothing=0.1),
        optimizer=optimizers.part("adamw", lr=scaled_rate(4e-3, size, 4096, "sqrt"), weight_decay=0.05),
        schedule=schedules.part("cosine", final=0.0),
        warmup=20 / 300,
        epochs=300.0 if many else epochs_for(shape.count, size, steps=2000, low=30, high=300),
        batch_size=size,
        preprocess=preprocessing.part("standardize"),
        augment=tuple(augmentations.part(name) for name in names),
        average=averages.part("ema", decay=0.99),
        measure=measured(),
        views="one" if shape.reads_one_way else "flip",
    )
