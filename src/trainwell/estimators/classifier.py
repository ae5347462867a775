"""`Classifier`: a network that tells classes apart."""

from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from trainwell.errors import BadData
from trainwell.estimators.base import NetworkEstimator


class Classifier(ClassifierMixin, NetworkEstimator):
    """A network that tells classes apart; its parameters are those of `NetworkEstimator`.

    After `fit` it has `classes_`, `n_features_in_`, `feature_names_in_` (of a frame), `n_iter_`, `recipe_` (what was
    carried out), `network_` (a torch module) and `history_` (losses and scores on the way).

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> Classifier(random_state=0).fit(X, y).score(X, y) > 0.95
        True
    """

    classes_: np.ndarray

    def decision_function(self, X: Any) -> np.ndarray:
        """The logits, (n, C); with two classes how far that of the second is above that of the first, (n,)."""
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithm of the probability of each class, (n, C)."""
        return torch.from_numpy(self._outputs(X)).log_softmax(1).numpy()

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each class, (n, C), in the order of `classes_`."""
        return torch.from_numpy(self._outputs(X)).softmax(1).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row, (n,)."""
        places = self._outputs(X).argmax(axis=1)
        return self.classes_[places]

    def _values(self, y: Any) -> np.ndarray:
        if y is None:
            raise BadData("This Classifier requires y to be passed, but the target y is None.")
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        return labels

    def _encoded(self, y: np.ndarray, again: bool) -> tuple[np.ndarray, tuple[str, ...]]:
        found, places = np.unique(y, return_inverse=True)
        if again:
            strange = sorted(map(str, set(found.tolist()) - set(self.classes_.tolist())))
            if strange:
                raise BadData(f"warm_start: y holds classes that the first fit had not: {', '.join(strange)}.")
            places = np.searchsorted(self.classes_, found)[places]
        else:
            self.classes_ = found
        if len(self.classes_) < 2:
            only = found.tolist()[0]
            raise BadData(f"y holds one class only ({only!r}), rows of weight 0 left out. Expected two or more.")
        return places.reshape(-1).astype(np.int64), tuple(map(str, self.classes_.tolist()))
