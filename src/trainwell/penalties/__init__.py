"""Penalties: what is added to the loss so that weights stay small, or a constraint that holds them.

A member takes the model and gives what is added to the loss::

    (model: nn.Module, *, ...) -> Tensor      # scalar, float32, 0 where there is nothing to penalise

With the fact `constraint=True` it is called after the optimizer's step instead, changes the weights in place without
gradient, and gives None. All act on the weights alone: biases and norms are left out (see `trainwell.parameters`).

Facts of a member:
    constraint: Whether it is called after the step.
"""

from trainwell.family import Family

penalties = Family("penalties", __name__, "penalty")
