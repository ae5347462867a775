"""LeNet with sigmoids: how a network was trained in 1998."""

from trainwell.models import models
from trainwell.optimizers import optimizers
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import Shape, epochs_for, loss_for, measured, recipes, refuse_tables
from trainwell.schedules import schedules


@recipes.add("lenet-sigmoid-1998", paper="https://doi.org/10.1109/5.726791")
def lenet_sigmoid_1998(shape: Shape) -> Recipe:
    """LeNet-5 with sigmoids and average pooling, plain SGD in small batches, a rate that falls in four steps.

    Definition: inputs of mean 0 and spread 1, no momentum, no decay, no augmentation, no dropout, no norm. The rate is
    cut after 2, 5, 8 and 12 of 20 passes, to a fiftieth in all, as in the paper. We differ: the sigmoid of the book in
    place of the paper's tanh, which is a sigmoid stretched to be centred; Glorot's weights with the gain of a sigmoid;
    batches of 32 in place of single samples; cross entropy; one global rate in place of a second-order estimate for
    each weight. That rate, 1, would break a network of ReLUs: a sigmoid passes on at most a quarter of a gradient.

    Reach for it with digits, to have a baseline of before ReLU, and to see sigmoids learn late and slowly.

    Leave it when the score counts: small_images gets further in a fraction of the steps.

    Cost: 20 passes of 0.4 million multiplications an image of 28 x 28, more passes over fewer than 4,800 samples: a
    minute for MNIST on one core, seconds for digits.

    Args:
        shape: What the data is: images of any size.

    Returns:
        The whole recipe; passes are sized to the number of samples.

    Raises:
        BadValue: The data is a table.

    Reference:
        LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998, sections II.B
        and III.B and appendix C; the weights: Glorot, Bengio, "Understanding the difficulty of training deep
        feedforward neural networks", 2010.
    """
    refuse_tables("lenet-sigmoid-1998", shape)
    size = 32
    return Recipe(
        model=models.part("lenet", activation="sigmoid", pooling="avg", initializer="auto"),
        loss=loss_for(shape),
        optimizer=optimizers.part("sgd", lr=1.0, momentum=0.0, weight_decay=0.0),
        schedule=schedules.part("step", at=(2 / 20, 5 / 20, 8 / 20, 12 / 20), factor=(1 / 50) ** (1 / 4)),
        warmup=0.0,
        # Sigmoids leave their first plateau after some hundred steps, so that few samples take more passes.
        epochs=epochs_for(shape.count, size, steps=3000, low=20, high=100),
        batch_size=size,
        preprocess=preprocessing.part("standardize"),
        measure=measured(),
    )
