"""Maxout with dropout and max-norm."""

from trainwell.activations import activations
from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.penalties import penalties
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import SMALL_SIDE, Shape, batch_size, epochs_for, loss_for, measured, recipes, refuse_larger
from trainwell.schedules import schedules

_MANY = 10_000  # from so many samples on the layers have the paper's 240 units, before that 64


@recipes.add("maxout", paper="https://arxiv.org/abs/1302.4389")
def maxout(shape: Shape) -> Recipe:
    """Maxout units with dropout of a half behind fully connected layers, held by max-norm, under a rate that falls.

    Definition: for tables two hidden layers of units of 5 pieces, as the paper's network for MNIST without geometry;
    for images three 3 x 3 convolutions of units of 2 pieces with a pooling behind each, then one hidden layer, after
    its network for CIFAR-10. SGD with momentum, exponential decay of the rate, and each unit's weights held within
    length 2; no weight decay. We differ: smaller kernels, no dropout on the inputs, one momentum in place of one that
    rises from 0.5 to 0.7, inputs standardised in place of whitened, half the units for images; values to predict take a
    fifth of the rate, at which five pieces do not run away.

    Reach for it to see an activation that is learnt, and what max-norm and strong dropout do together.

    Leave it when parameters count (k pieces cost k times those of ReLU), or images are photos, which it refuses.

    Cost: for images of 32 x 32 2.0 million parameters and 47 million multiplications.

    Args:
        shape: What the data is: a table, or images of up to 64 pixels.

    Returns:
        The whole recipe; width, batch and passes are sized to the number of samples.

    Raises:
        BadValue: Images are larger than 64 pixels.

    Reference:
        Goodfellow et al., "Maxout Networks", 2013, sections 3 and 5; max-norm and its limits: Srivastava et al.,
        "Dropout", 2014, section 5.1.
    """
    refuse_larger("maxout", shape, SMALL_SIDE)
    size = batch_size(shape.count, steps=40, low=32, high=128)
    if shape.kind == "images":
        pieces = activations.part("maxout", pieces=2)
        # Half of the paper's 96 channels in the first layer; three poolings as it has.
        model = models.part("vgg", stages=(1, 1, 1), width=48, hidden=(256,), activation=pieces, dropout="dropout")
    else:
        units = 64 if shape.count < _MANY else 240
        pieces = activations.part("maxout", pieces=5)
        model = models.part("mlp", widths=(units, units), activation=pieces, dropout="dropout")
    return Recipe(
        model=model,
        loss=loss_for(shape),
        optimizer=optimizers.part("sgd", lr=0.05 if shape.classes else 0.01, momentum=0.7, weight_decay=0.0),
        schedule=schedules.part("exponential", final=0.01),
        warmup=0.0,
        epochs=epochs_for(shape.count, size, steps=2500, low=20, high=200),
        batch_size=size,
        preprocess=preprocessing.part("standardize"),
        penalties=(penalties.part("max_norm", limit=2.0),),
        measure=measured(),
    )
