"""ResNet as its authors trained it."""

from trainwell.augmentations import augmentations
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import MANY, Shape, batch_size, epochs_for, loss_for, measured, recipes, refuse_tables
from trainwell.schedules import scaled_rate, schedules

_SOME = 10_000  # small images of fewer samples take the first width of the paper's networks for CIFAR-10, 16


@recipes.add("resnet-he", paper="https://arxiv.org/abs/1512.03385")
def resnet_he(shape: Shape) -> Recipe:
    """ResNet-18 with He's weights, batch norm, SGD with momentum, and a rate cut to a tenth at half and three quarters.

    Definition: a rate of 0.1 for a batch of 128 with momentum 0.9 and decay 1e-4, no warm-up, no dropout, branches that
    start at full size; small images are shifted by up to 4 pixels of 32 and mirrored, photos cropped at a jittered
    scale, mirrored and varied in colour. We differ: decay leaves out biases and norms; a smaller batch takes a lower
    rate in proportion; small images get ResNet-18 with a stem of 3 x 3, from 10,000 on four times as wide as the
    paper's ResNet-20; 182 passes over CIFAR-10 become 60, and the 120 over ImageNet stay; the mean is subtracted per
    channel.

    Reach for it with a few thousand images or more when the score counts more than the time.

    Leave it when a good score is wanted in minutes (small_images), or photos number a few hundred.

    Cost: 1.8 billion multiplications a photo of 224 x 224, 0.56 billion an image of 32 x 32: five times small_images
    for an image, and six times the passes.

    Args:
        shape: What the data is: images of any size.

    Returns:
        The whole recipe; batch and passes are sized to the number of samples.

    Raises:
        BadValue: The data is a table.

    Reference:
        He et al., "Deep Residual Learning for Image Recognition", 2016, sections 3.4 and 4.2; the weights: He et al.,
        "Delving Deep into Rectifiers", 2015, section 2.2; the rate by batch: Goyal et al., "Accurate, Large Minibatch
        SGD", 2017, section 2.1.
    """
    refuse_tables("resnet-he", shape)
    size = batch_size(shape.count, steps=40, low=32, high=128)
    width = 16 if shape.is_small and shape.count < _SOME else 64
    if shape.is_small:
        augment = [augmentations.part("crop", padding=4 / 32)]
    else:
        augment = [augmentations.part("scale_jitter", min_share=224 / 480, max_share=224 / 256)]
    if not shape.reads_one_way:
        augment.insert(0, augmentations.part("flip", alternate=False))
    if not (shape.is_small or shape.is_grey):
        augment.append(augmentations.part("pca_color", std=0.1))
    return Recipe(
        model=models.part("resnet18", width=width, initializer="he_normal", zero_init_residual=False),
        loss=loss_for(shape),
        optimizer=optimizers.part("sgd", lr=scaled_rate(0.1, size, 128, "linear"), momentum=0.9, weight_decay=1e-4),
        schedule=schedules.part("step", at=(0.5, 0.75), factor=0.1),
        warmup=0.0,
        epochs=120.0 if shape.count >= MANY else epochs_for(shape.count, size, steps=1000, low=60, high=182),
        batch_size=size,
        preprocess=preprocessing.part("zero_center"),
        augment=tuple(augment),
        measure=measured(),
        views="one" if shape.reads_one_way else "flip",
    )
