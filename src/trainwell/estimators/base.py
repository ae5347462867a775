"""What classifier and regressor share: the parameters, the fit, the outputs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted
from torch import nn

from trainwell.data.dataset import Data
from trainwell.errors import BadValue
from trainwell.estimators.choice import FIELDS, INSIDE, recipe_for
from trainwell.estimators.inputs import Inputs, learn
from trainwell.estimators.learning import Learnt, learn_from, outputs_of, split
from trainwell.estimators.storage import load_estimator, save_estimator
from trainwell.recipe import Recipe
from trainwell.recipes import Shape
from trainwell.training.machine import pick_device


class NetworkEstimator(BaseEstimator, ABC):
    """A network with the face of scikit-learn. None leaves a choice to the recipe, and `none` is no such technique.

    Args:
        recipe: All of a training: a `Recipe`, its JSON, or the name of one; None chooses by the data.
        edits: `key=value` edits of the recipe, for what has no parameter here: `("optimizer.beta1=0.8",)`.
        model: Network: a name, a `Part` or its JSON, or `package.module:factory`; likewise every other technique.
        widths: Units of each hidden layer of the model.
        dropout: Of the model: a probability, or a technique.
        loss: What is minimised.
        optimizer: How a gradient becomes a step.
        lr: Peak learning rate of the optimizer.
        weight_decay: Of the optimizer.
        schedule: Course of the learning rate.
        warmup: Share of the steps over which the rate rises.
        start: Multiplier of the rate at the first step of the warm-up.
        epochs: Passes over the rows.
        batch_size: Rows a step; tables of at most 500 rows are taken whole.
        preprocess: Fitted on the training rows.
        augment: What is done to each training image, one or more.
        penalties: Added to the loss, or constraints after the step, one or more.
        clip: Bound on the gradient.
        average: Average of the weights, which is what is kept.
        balance: `weights`, `sampler` or `prior`, for classes of unequal size; None does nothing about them.
        bias: Value at which the biases of the hidden layers start.
        last_bias: `zero`, or `prior` for the log of the classes' frequencies.
        norm_bias_rate: Multiplier of the rate for the biases of norm layers.
        patience: Epochs without improvement on the validation rows after which training stops.
        monitor: Metric by which the best weights are chosen on the validation rows.
        keep: `best` or `last` weights; None is the best where at least 20 validation rows can tell them apart.
        valid_fraction: Share of the rows set aside to choose the weights by; None sets none aside.
        views: Predictions for images are averaged over these views.
        precision: `fp32` or `bf16`; None is float64 for a table taken whole, and fp32 for all else.
        layout: Memory layout of images.
        compile: `yes` compiles the network.
        threads: Threads of the CPU; None is 1 for tables, whose steps are small, and all for images.
        device: Where to train and predict: `cpu`, `cuda`, or `auto`.
        warm_start: Go on with the network of the last fit, and its preprocessing.
        random_state: Seed of weights, order and draws; None takes another one each time.
    """

    inputs_: Inputs
    learnt_: Learnt

    def __init__(
        self,
        *,
        recipe: Recipe | Mapping[str, Any] | str | None = None,
        edits: Sequence[str] | str = (),
        model: Any = None,
        widths: Sequence[int] | None = None,
        dropout: Any = None,
        loss: Any = None,
        optimizer: Any = None,
        lr: float | None = None,
        weight_decay: float | None = None,
        schedule: Any = None,
        warmup: float | None = None,
        start: float | None = None,
        epochs: float | None = None,
        batch_size: int | None = None,
        preprocess: Any = None,
        augment: Any = None,
        penalties: Any = None,
        clip: Any = None,
        average: Any = None,
        balance: str | None = None,
        bias: float | None = None,
        last_bias: str | None = None,
        norm_bias_rate: float | None = None,
        patience: int | None = None,
        monitor: str | None = None,
        keep: str | None = None,
        valid_fraction: float | None = None,
        views: str | None = None,
        precision: str | None = None,
        layout: str | None = None,
        compile: str | None = None,
        threads: int | None = None,
        device: str = "cpu",
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.recipe = recipe
        self.edits = edits
        self.model = model
        self.widths = widths
        self.dropout = dropout
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.start = start
        self.epochs = epochs
        self.batch_size = batch_size
        self.preprocess = preprocess
        self.augment = augment
        self.penalties = penalties
        self.clip = clip
        self.average = average
        self.balance = balance
        self.bias = bias
        self.last_bias = last_bias
        self.norm_bias_rate = norm_bias_rate
        self.patience = patience
        self.monitor = monitor
        self.keep = keep
        self.valid_fraction = valid_fraction
        self.views = views
        self.precision = precision
        self.layout = layout
        self.compile = compile
        self.threads = threads
        self.device = device
        self.warm_start = warm_start
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True  # images
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a network.

        Args:
            X: An array or a frame (N, F); columns of words, dates and gaps are read as `trainwell.fit` reads them. Or
                images, (N, H, W) or (N, H, W, C), as uint8 or floats in 0..1.
            y: Labels (N,), or values (N,) or (N, K).
            sample_weight: How much each row counts, (N,), none below 0; one of 0 is left out.

        Returns:
            The estimator itself.

        Raises:
            ValueError: X, y, the weights or a parameter are not possible; the message says what was expected.
            Diverged: The loss became NaN or infinite.
        """
        if not isinstance(self.warm_start, bool | np.bool_):
            raise BadValue(f"warm_start={self.warm_start!r} is not possible: expected True or False.")
        if not isinstance(self.device, str):
            raise BadValue(f"device={self.device!r} is not possible: expected auto, cpu, cuda or cuda:N.")
        before = self.learnt_ if self.warm_start and hasattr(self, "learnt_") else None
        device = pick_device(self.device)
        rows = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            rows = np.flatnonzero(weights)
            if len(rows) == 0:
                raise BadValue("sample_weight is zero for every row: expected a weight above 0.")
        if before is None:
            inputs, x = learn(self, X, rows)
        else:
            inputs, x = self.inputs_, self.inputs_.read(self, X)
            x = x if rows is None else x[rows]
        target = self._values(y)
        check_consistent_length(X, target)
        values, classes = self._encoded(target if rows is None else target[rows], before is not None)
        self.learnt_ = self._train(inputs, x, values, classes, None if rows is None else weights[rows], device, before)
        self.inputs_ = inputs
        self.n_iter_ = max(1, round(self.learnt_.epochs))
        return self

    @property
    def recipe_(self) -> Recipe:
        """The recipe as it was carried out."""
        return self._learnt().recipe

    @property
    def network_(self) -> nn.Module:
        """The trained network; what it takes is behind the preprocessing."""
        return self._learnt().network

    @property
    def history_(self) -> list[dict[str, Any]]:
        """A line for each time the network was scored on the way: epoch, step, rate, losses, scores."""
        return self._learnt().history

    def _learnt(self) -> Learnt:
        check_is_fitted(self, "learnt_")
        return self.learnt_

    def _train(
        self,
        inputs: Inputs,
        x: np.ndarray,
        y: np.ndarray,
        classes: tuple[str, ...],
        weights: np.ndarray | None,
        device: Any,
        before: Learnt | None,
    ) -> Learnt:
        kind, task = "images" if inputs.kind == "images" else "table", "classification" if classes else "regression"
        sizes = (x.shape[3], *x.shape[1:3]) if kind == "images" else x.shape[1:]
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        given = {name: getattr(self, name) for name in (*FIELDS, *INSIDE)}
        recipe = recipe_for(Shape(kind, sizes, classes, len(x)), given, self.recipe, self.edits, seed)
        data = Data(
            x=x,
            y=y,
            kind=kind,
            task=task,
            classes=classes,
            splits=split(y, x, task, recipe),
            fingerprint="",
            source="arrays in memory",
            quarantined=(),
            decoding={},
            facts={},
            notes=(),
        )
        return learn_from(data, weights, recipe, device, before)

    @abstractmethod
    def _values(self, y: Any) -> np.ndarray:
        """The targets as an array, checked."""

    @abstractmethod
    def _encoded(self, y: np.ndarray, again: bool) -> tuple[np.ndarray, tuple[str, ...]]:
        """What the network learns, and the names of the classes; `again` keeps what an earlier fit has found."""

    def _outputs(self, X: Any) -> np.ndarray:
        """Logits (n, C) or values (n, K)."""
        learnt = self._learnt()
        kind = "images" if self.inputs_.kind == "images" else "table"
        return outputs_of(learnt, self.inputs_.read(self, X), kind, pick_device(self.device))

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator into one safetensors file, without pickle; its plain state is JSON in the header.

        Raises:
            NotFittedError: There is nothing to save yet.
            BadValue: A parameter is an object that JSON cannot hold, as a `RandomState`.
            StorageFailed: The file cannot be written.
        """
        check_is_fitted(self, "learnt_")
        save_estimator(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """An estimator from a file that `save` wrote; no code in the file is run.

        Raises:
            BadRun: There is no such file, or it holds something else.
        """
        return load_estimator(cls, Path(path))
