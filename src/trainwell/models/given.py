"""A network that was given as an object, not by name."""

from torch import nn

from trainwell.errors import BadValue
from trainwell.models import models

GIVEN = "given"


@models.add(GIVEN)
def given(input_shape: tuple[int, ...], num_outputs: int, *, network: str) -> nn.Module:  # noqa: ARG001
    """One's own network, handed over in Python: a recipe can name it, and cannot build it.

    Definition: `trainwell.fit(data, model=network)` writes this name into the recipe of the run, so that the record
    says what was trained.

    Reach for it by handing over a network; a recipe never has to name it.

    Leave it when the network is to be built from the command line, or again from the run folder: name its factory as
    `model=package.module:factory`.

    Cost: that of the network.

    Args:
        input_shape: Shape of a sample.
        num_outputs: Number of outputs.
        network: Name of its class, for the record.

    Returns:
        Nothing: it always raises.

    Raises:
        BadValue: Always: the object has to be given again.

    Reference:
        None: it is the user's.
    """
    raise BadValue(
        f"The network {network} was given as an object and cannot be built from its name. "
        "Give it again: tw.fit(..., model=...)."
    )
