"""AlexNet, as a recipe: ReLU, dropout and augmentation."""

from trainwell.augmentations import augmentations
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import MANY, Shape, batch_size, epochs_for, loss_for, measured, recipes, refuse_tables
from trainwell.schedules import scaled_rate, schedules


@recipes.add(
    "alexnet-style",
    paper="https://papers.nips.cc/paper/4824-imagenet-classification-with-deep-convolutional-neural-networks",
)
def alexnet_style(shape: Shape) -> Recipe:
    """AlexNet with ReLU, dropout in the hidden layers, the mean image subtracted, shifts, flips and colour noise.

    Definition: SGD with momentum 0.9 and decay 5e-4, a rate of 0.01 for a batch of 128, cut to a tenth three times; 90
    passes from 100,000 images on, 30 and more below. We differ: He's weights in place of N(0, 0.01^2) with biases of 1,
    which are made for the paper's widths; the cuts come at the quarters of the run and not by hand; half the width and
    512 hidden units for small images, 1024 for photos unless there are 100,000; one view at test time, since the mean
    image belongs to one place.

    Reach for it to see the first network of the ReLU age at work, and what dropout and augmentation did for it.

    Leave it when the score counts: take small_images, resnet-he or modern-convnet.

    Cost: 1.1 billion multiplications a photo, and 38 million parameters from its first hidden layer alone at full
    width. A minute or two for digits on one core.

    Args:
        shape: What the data is: images of any size.

    Returns:
        The whole recipe; network, batch and passes are sized to the data.

    Raises:
        BadValue: The data is a table.

    Reference:
        Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012,
        sections 2 to 5; the weights: He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
    """
    refuse_tables("alexnet-style", shape)
    size = batch_size(shape.count, steps=40, low=32, high=128)
    units = 512 if shape.is_small else 4096 if shape.count >= MANY else 1024
    augment = [augmentations.part("crop", padding=16 / 224)]  # the paper cuts 224 pixels out of 256
    if not shape.reads_one_way:
        augment.insert(0, augmentations.part("flip", alternate=False))
    if not shape.is_grey:
        augment.append(augmentations.part("pca_color", std=0.1))
    return Recipe(
        model=models.part(
            "alexnet",
            width=48 if shape.is_small else 96,
            hidden=(units, units),
            dropout="dropout",
            initializer="he_normal",
        ),
        loss=loss_for(shape),
        optimizer=optimizers.part("sgd", lr=scaled_rate(0.01, size, 128, "sqrt"), momentum=0.9, weight_decay=5e-4),
        schedule=schedules.part("step", at=(0.25, 0.5, 0.75), factor=0.1),
        warmup=0.0,
        epochs=90.0 if shape.count >= MANY else epochs_for(shape.count, size, steps=1500, low=30, high=90),
        batch_size=size,
        preprocess=preprocessing.part("mean_image"),
        augment=tuple(augment),
        measure=measured(),
    )
