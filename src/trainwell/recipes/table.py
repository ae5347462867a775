"""Tables: a small multi-layer perceptron on standardised columns."""

from trainwell.averages import averages
from trainwell.clippings import clippings
from trainwell.dropouts import dropouts
from trainwell.losses import losses
from trainwell.measurements import measurements
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import Shape, batch_size, recipes
from trainwell.schedules import schedules


@recipes.add("table", paper="https://arxiv.org/abs/2106.11189")
def table(shape: Shape) -> Recipe:
    """Two hidden layers, AdamW with warm-up and cosine decay, clipped gradients, early stopping.

    Args:
        shape: What the data is.

    Returns:
        The whole recipe; batch and epochs are sized to the number of rows.

    Reference:
        Kadra et al., "Well-tuned Simple Nets Excel on Tabular Datasets", 2021: plain networks do well on tables when
        they are regularised.
    """
    size = batch_size(shape.count, steps=10, low=32, high=256)
    steps = 1500 if shape.count < 10_000 else 6000
    return Recipe(
        model=models.part("mlp", widths=(64, 64), dropout=dropouts.part("dropout", p=0.1)),
        loss=losses.part("cross_entropy" if shape.classes else "mse"),
        optimizer=optimizers.part("adamw", lr=1e-3, weight_decay=0.05),
        schedule=schedules.part("cosine", final=0.01),
        warmup=0.1,
        epochs=float(max(3, round(steps * size / shape.count))),
        batch_size=size,
        preprocess=preprocessing.part("standardize"),
        clip=clippings.part("norm", limit=1.0),
        average=averages.part("ema", decay=0.98),
        measure=tuple(measurements.part(name) for name in ("gradient_norm", "update_ratio")),
    )
