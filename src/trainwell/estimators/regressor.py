"""`Regressor`: a network that predicts values."""

from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import check_array

from trainwell.errors import BadData
from trainwell.estimators.base import NetworkEstimator


class Regressor(MultiOutputMixin, RegressorMixin, NetworkEstimator):
    """A network that predicts one value a row, or several; its parameters are those of `NetworkEstimator`.

    The values to predict are standardised for the training, and come out in their own unit. After `fit` it has
    `n_features_in_`, `feature_names_in_` (of a frame), `n_iter_`, `recipe_` (what was carried out), `network_` (a torch
    module) and `history_` (losses and scores on the way).

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> Regressor(random_state=0).fit(X, y).score(X, y) > 0.5
        True
    """

    one_value_: bool
    num_values_: int

    def predict(self, X: Any) -> np.ndarray:
        """The values of each row, (n,) or (n, K) as y was."""
        values = self._outputs(X)
        return values[:, 0] if self.one_value_ else values

    def _values(self, y: Any) -> np.ndarray:
        if y is None:
            raise BadData("This Regressor requires y to be passed, but the target y is None.")
        return check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")

    def _encoded(self, y: np.ndarray, again: bool) -> tuple[np.ndarray, tuple[str, ...]]:
        columns = y.reshape(len(y), -1).shape[1]
        if again and columns != self.num_values_:
            raise BadData(f"warm_start: y has {columns} value(s) a row, and the first fit had {self.num_values_}.")
        self.one_value_, self.num_values_ = y.ndim == 1, columns
        return y, ()
