"""A quadratic to descend: where it starts, how it bends, its gradient."""

import numpy as np
import torch

STEPS = 20


START = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.2, -1.0], [0.7, -0.3, 2.0], [-1.5, 0.9, 0.1]])


CURVATURE = torch.tensor([[1.0, 10.0, 0.3], [2.0, 5.0, 0.1], [4.0, 0.6, 1.5], [8.0, 0.2, 3.0]])


def gradient(x: np.ndarray) -> np.ndarray:
    """That of `path`, in float64."""
    return CURVATURE.double().numpy() * x + 0.4 * x**3
