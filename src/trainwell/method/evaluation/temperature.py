"""Temperature scaling: one number that makes the probabilities of a trained classifier mean what they say.

Reference:
    Guo et al., "On Calibration of Modern Neural Networks", 2017, section 4.2.
"""

import numpy as np
from scipy import optimize, special

COLDEST, HOTTEST = 0.05, 20.0
NO_PROBABILITIES = "A temperature scales probabilities, and this run predicts values. Leave --temperature out."


def fit_temperature(probabilities: np.ndarray, target: np.ndarray) -> float:
    """The temperature at which the negative log-likelihood is smallest, within [`COLDEST`, `HOTTEST`].

    The logits are taken to be the log of the probabilities: of a single view the two differ by a constant a sample,
    which changes nothing.

    Args:
        probabilities: (n, C), of samples that the weights were not fitted to.
        target: (n,) classes.
    """
    logits = _logits(probabilities)
    chosen = np.arange(len(target)), target

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(np.mean(special.logsumexp(scaled, axis=1) - scaled[chosen]))

    bounds = float(np.log(COLDEST)), float(np.log(HOTTEST))
    return float(np.exp(optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x))


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities at a temperature, (n, C) float64: above 1 they are less sure, the order stays."""
    return np.asarray(special.softmax(_logits(probabilities) / temperature, axis=1))


def _logits(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny))
