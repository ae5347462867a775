"""Tables: a small multi-layer perceptron beside a linear path, on standardised columns."""

from trainwell.averages import averages
from trainwell.clippings import clippings
from trainwell.dropouts import dropouts
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import Shape, batch_size, epochs_for, loss_for, measured, recipes
from trainwell.schedules import schedules

_DROPPED_ROWS = 150  # dropout p = 150 / rows, up to a half: the fewer rows, the more a network can learn by heart


@recipes.add("table", paper="https://arxiv.org/abs/2106.11189")
def table(shape: Shape) -> Recipe:
    """Two hidden layers beside a line, AdamW with strong decay, dropout by rows, averaged weights, the best kept.

    Definition: the sum of a linear model and of two layers of 64. The linear path keeps what a linear model finds on
    few rows; dropout and decay hold the hidden layers back until the rows speak for more. The loss chooses the weights,
    since accuracy on few rows moves in jumps.

    Reach for it with any table: it is what `fit` takes by itself.

    Leave it when there are millions of rows, which bear a larger network, or to see one technique at work: selu-mlp and
    maxout are plain stacks.

    Cost: 1500 steps of about a millisecond, 6000 from 10,000 rows on.

    Args:
        shape: What the data is.

    Returns:
        The whole recipe; batch, epochs and dropout are sized to the number of rows.

    Reference:
        Kadra et al., "Well-tuned Simple Nets Excel on Tabular Datasets", 2021: plain networks do well on tables when
        they are regularised.
    """
    size = batch_size(shape.count, steps=10, low=32, high=256)
    steps = 1500 if shape.count < 10_000 else 6000
    dropped = dropouts.part("dropout", p=round(min(0.5, _DROPPED_ROWS / shape.count), 2))
    return Recipe(
        model=models.part("mlp", widths=(64, 64), dropout=dropped, skip=True),
        loss=loss_for(shape, smoothing=0.1),
        optimizer=optimizers.part("adamw", lr=5e-3, weight_decay=0.3),
        schedule=schedules.part("cosine", final=0.01),
        warmup=0.1,
        epochs=epochs_for(shape.count, size, steps=steps, low=3),
        batch_size=size,
        preprocess=preprocessing.part("standardize"),
        clip=clippings.part("norm", limit=1.0),
        average=averages.part("ema", decay=0.98),
        monitor="valid_loss",
        measure=measured(),
        measure_every=200,  # a measurement costs as much as ten of these small steps
    )
