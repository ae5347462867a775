"""Norms: bring the signal to mean 0 and spread 1 on its way.

A member takes the number of features and of dimensions beyond them, and gives a module::

    (features: int, dimensions: int, *, ...) -> nn.Module      # 0: (N, F), 1: (N, F, L), 2: (N, C, H, W), 3: ...

The learnt scale is called `weight` and the shift `bias`, as torch does; either may be absent.

Facts of a member:
    over_batch: Whether training looks at other samples of the batch, so that one sample alone is not enough.
"""

from trainwell.errors import BadValue
from trainwell.family import Family

norms = Family("norms", __name__, "norm")


def check_dimensions(id: str, dimensions: int, highest: int = 3) -> None:
    """Raise `BadValue` unless `dimensions` is in 0 .. `highest`."""
    if not 0 <= dimensions <= highest:
        raise BadValue(f"{id} is for 0 to {highest} dimensions beyond the features, got {dimensions}.")
