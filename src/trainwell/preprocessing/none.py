"""None: inputs as they are."""

import numpy as np

from trainwell.preprocessing import Affine, is_stored, preprocessing, unit_of


@preprocessing.add("none", centres=False, standardises=False, flattens=False)
def none(x: np.ndarray, rows: np.ndarray) -> Affine:  # noqa: ARG001
    """Leave tables as they are, and bring images to 0..1.

    y = x for tables, y = x / 255 for images.

    Reach for it when the data is prepared already, or is not numbers by feature (tokens), or to see what preprocessing
    is good for.

    Leave it when features have different units or lie far from 0: training is then slow or fails.

    Cost: none.

    Args:
        x: All of the data; anything that a network takes.
        rows: Training rows, (n,) int64; not looked at.

    Returns:
        What applies it, of the same shape.

    Reference:
        LeCun et al., "Efficient BackProp", 1998, section 4.3, on what goes wrong without.
    """
    return Affine(np.zeros(1), np.ones(1), unit_of(x) if is_stored(x) else 1.0)
