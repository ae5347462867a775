"""A self-normalising network: SELU and all that its contract asks for."""

from trainwell.dropouts import dropouts
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import SMALL_SIDE, Shape, batch_size, epochs_for, loss_for, measured, recipes, refuse_larger
from trainwell.schedules import schedules

_LAYERS = 8
_MANY = 10_000  # from so many samples on the layers have the 256 units of the authors' own networks, before that 64


@recipes.add("selu-mlp", paper="https://arxiv.org/abs/1706.02515")
def selu_mlp(shape: Shape) -> Recipe:
    """Eight hidden layers of SELU with LeCun-normal weights and alpha dropout, on standardised inputs.

    Definition: the contract under which mean 0 and variance 1 pass from layer to layer: standardised inputs,
    LeCun-normal weights with a gain of 1, zero biases, a plain stack without skips or norms, alpha dropout of 0.05 in
    place of plain dropout, and nothing that pulls on the weights: no decay, no L1 or L2, no max-norm. SGD with a rate
    of 0.01, as in the paper's experiments on 121 tables. We differ: a momentum of 0.9 and a cosine to 1 % in place of a
    constant rate without, as our runs are of fixed length; fewer units where there are few rows.

    Reach for it to see a deep plain network train without norm, and with tables of some thousand rows.

    Leave it when rows are few, where `table` is regularised harder, or inputs are photos, which it refuses: each pixel
    would have weights of its own.

    Cost: about 30 thousand parameters at 64 units, half a million at 256. 3000 steps of a few milliseconds.

    Args:
        shape: What the data is: a table, or images of up to 64 pixels, which are flattened.

    Returns:
        The whole recipe; width, batch and passes are sized to the number of samples.

    Raises:
        BadValue: Images are larger than 64 pixels.

    Reference:
        Klambauer et al., "Self-Normalizing Neural Networks", 2017, sections 2 and 3 and appendix A4.
    """
    refuse_larger("selu-mlp", shape, SMALL_SIDE)
    size = batch_size(shape.count, steps=40, low=32, high=128)
    return Recipe(
        model=models.part(
            "mlp",
            widths=(64 if shape.count < _MANY else 256,) * _LAYERS,
            activation="selu",
            initializer="lecun_normal",
            dropout=dropouts.part("alpha_dropout", p=0.05),
        ),
        loss=loss_for(shape),
        optimizer=optimizers.part("sgd", lr=0.01, momentum=0.9, weight_decay=0.0),
        schedule=schedules.part("cosine", final=0.01),
        warmup=0.0,
        epochs=epochs_for(shape.count, size, steps=3000, low=10),
        batch_size=size,
        preprocess=preprocessing.part("standardize"),
        measure=measured(),
        measure_every=200,  # a measurement costs as much as ten of these small steps
    )
