"""Images of up to 64 pixels: a fast convolutional network and a short, steep schedule."""

from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.recipe import Recipe
from trainwell.recipes import Shape, recipes, refuse_tables
from trainwell.recipes.airbench_style import REFERENCE_BATCH, airbench_style
from trainwell.schedules import scaled_rate


@recipes.add("small_images", paper="https://arxiv.org/abs/2404.00498")
def small_images(shape: Shape) -> Recipe:
    """Convnet with whitened inputs, Nesterov SGD with linear warm-up and decay, label smoothing, flips and crops.

    Definition: airbench-style, with more epochs where there are few samples, 10 (50,000 / N)^(1/3), and for grey images
    half the width and a fifth of the rate. Drawings and digits are easier than photos, and their patches have few
    directions: at the rate for photos MNIST does not settle.

    Reach for it with any images of up to 64 pixels: it is what `fit` takes by itself.

    Leave it when images are larger, when a run may take hours (resnet-he), or to see one technique of the book at work.

    Cost: 4 to 40 epochs of convnet: seconds for digits, about 10 minutes for CIFAR-10 on two cores.

    Args:
        shape: What the data is.

    Returns:
        The whole recipe; batch and epochs are sized to the number of samples.

    Raises:
        BadValue: The data is a table.

    Reference:
        Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024; where we differ: see airbench-style.
    """
    refuse_tables("small_images", shape)
    fast = airbench_style(shape)
    epochs = _epochs(shape.count)
    if not shape.is_grey:
        return fast.replace(epochs=epochs)
    return fast.replace(
        model=models.part(fast.model, width=32),
        optimizer=optimizers.part(fast.optimizer, lr=scaled_rate(0.3, fast.batch_size, REFERENCE_BATCH, "sqrt")),
        norm_bias_rate=8.0 if shape.classes else 1.0,
        epochs=epochs,
    )


def _epochs(count: int) -> float:
    """Ten passes over 50,000 images; more over fewer, with the cube root."""
    return float(min(40, max(4, round(10 * (50_000 / count) ** (1 / 3)))))
