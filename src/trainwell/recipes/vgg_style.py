"""VGG, as a recipe: a deep plain stack of 3 x 3 convolutions."""

import math

from trainwell.augmentations import augmentations
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import MANY, Shape, batch_size, epochs_for, loss_for, measured, recipes, refuse_tables
from trainwell.schedules import scaled_rate, schedules

_STAGES = (1, 1, 2, 2, 2)  # configuration A, which the paper trains from random weights


@recipes.add("vgg-style", paper="https://arxiv.org/abs/1409.1556")
def vgg_style(shape: Shape) -> Recipe:
    """Plain stack of 3 x 3 convolutions without norm, dropout in two hidden layers, the mean colour subtracted.

    Definition: configuration A, 11 layers at full depth; SGD with momentum 0.9 and decay 5e-4, a rate of 0.01 for a
    batch of 256, cut to a tenth three times; 74 passes from 100,000 images on, 30 and more below, with crops of
    jittered scale, flips and colour noise. We differ: He's weights in place of N(0, 0.01^2) or Glorot's, with which the
    signal shrinks at each ReLU until nothing learns at our widths and depths; the cuts come at the quarters of the run
    and not when the score stops rising; small images have half the width, 512 hidden units and a stage for each time
    that they can be halved. The paper's VGG-16 is `model.stages=2,2,3,3,3`.

    Reach for it to see what depth alone does, and how much a norm (`model.norm=batch`) or a skip helps it.

    Leave it when the score counts: a resnet is more accurate at a quarter of the cost.

    Cost: 7.6 billion multiplications a photo, four times resnet18. A minute or two for digits on one core.

    Args:
        shape: What the data is: images of any size.

    Returns:
        The whole recipe; network, batch and passes are sized to the data.

    Raises:
        BadValue: The data is a table.

    Reference:
        Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015, sections 2 and
        3; the weights: He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
    """
    refuse_tables("vgg-style", shape)
    size = batch_size(shape.count, steps=40, low=32, high=256)
    units = 512 if shape.is_small else 4096 if shape.count >= MANY else 1024
    halvings = int(math.log2(max(2, min(shape.input_shape[1:], default=2))))
    if shape.is_small:
        augment = [augmentations.part("crop")]
    else:
        augment = [augmentations.part("scale_jitter", min_share=224 / 512, max_share=224 / 256)]
    if not shape.reads_one_way:
        augment.insert(0, augmentations.part("flip", alternate=False))
    if not shape.is_grey:
        augment.append(augmentations.part("pca_color", std=0.1))
    return Recipe(
        model=models.part(
            "vgg",
            stages=_STAGES[:halvings],
            width=32 if shape.is_small else 64,
            hidden=(units, units),
            dropout="dropout",
            initializer="he_normal",
        ),
        loss=loss_for(shape),
        optimizer=optimizers.part("sgd", lr=scaled_rate(0.01, size, 256, "sqrt"), momentum=0.9, weight_decay=5e-4),
        schedule=schedules.part("step", at=(0.25, 0.5, 0.75), factor=0.1),
        warmup=0.0,
        epochs=74.0 if shape.count >= MANY else epochs_for(shape.count, size, steps=2000, low=30, high=74),
        batch_size=size,
        preprocess=preprocessing.part("zero_center"),
        augment=tuple(augment),
        measure=measured(),
        views="one" if shape.reads_one_way else "flip",
    )
