"""Norms: bring the signal to mean 0 and spread 1 on its way.

A member takes the number of features and of dimensions beyond them, and gives a module::

    (features: int, dimensions: int, *, ...) -> nn.Module      # 0: (N, F), 1: (N, F, L), 2: (N, C, H, W), 3: ...

The learnt scale is called `weight` and the shift `bias`, as torch does; either may be absent.

Facts of a member:
    over_batch: Whether training looks at other samples of the batch.
    smallest_batch: Rows that training needs; below, there is nothing to take a variance over.
    needs_positions: Whether it takes its mean over the positions of a map only, so that rows of a table cannot be
        normalised.
    absorbs_bias: Whether a constant added to a feature in front of it changes nothing: a bias there has no effect.
    normalises: Whether it brings the signal to a fixed spread at all.
"""

from trainwell.errors import BadValue
from trainwell.family import Family

norms = Family("norms", __name__, "norm")


def check_dimensions(id: str, dimensions: int, lowest: int = 0, highest: int = 3) -> None:
    """Raise `BadValue` unless `dimensions` is in `lowest` .. `highest`."""
    if not lowest <= dimensions <= highest:
        why = " Rows of a table have no positions; take layer or batch." if dimensions == 0 else ""
        raise BadValue(f"{id} is for {lowest} to {highest} dimensions beyond the features, got {dimensions}.{why}")
