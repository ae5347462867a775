"""An estimator as one safetensors file, its plain state as JSON in the header; no pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from trainwell.errors import BadRun, BadValue
from trainwell.estimators.inputs import Inputs
from trainwell.estimators.learning import Learnt
from trainwell.models import build
from trainwell.preprocessing import from_json
from trainwell.recipe import Recipe
from trainwell.record import RunFolder
from trainwell.training.checkpoint import weights_of

_PLAIN = ("n_features_in_", "n_iter_", "one_value_", "num_values_")
_NETWORK, _PREPROCESSING = "network.", "preprocessing."


def save_estimator(estimator: Any, path: Path) -> None:
    """Write a fitted estimator; see `NetworkEstimator.save`."""
    learnt: Learnt = estimator.learnt_
    state = {
        "estimator": type(estimator).__name__,
        "parameters": {name: _json(name, value) for name, value in estimator.get_params(deep=False).items()},
        "recipe": learnt.recipe.json(),
        "inputs": estimator.inputs_.json(),
        "input_shape": learnt.input_shape,
        "num_outputs": learnt.num_outputs,
        "preprocessing": learnt.fitted.json(),
        "target": None if learnt.target is None else learnt.target.json(),
        "history": learnt.history,
        "epochs": learnt.epochs,
        "fitted": {name: getattr(estimator, name) for name in _PLAIN if hasattr(estimator, name)},
        "names": _array(getattr(estimator, "feature_names_in_", None)),
        "classes": _array(getattr(estimator, "classes_", None)),
    }
    tensors = {_NETWORK + name: value for name, value in weights_of(learnt.network).items()}
    tensors |= {_PREPROCESSING + name: torch.from_numpy(value) for name, value in learnt.fitted.arrays().items()}
    RunFolder(path.parent).write_tensors(path.name, tensors, state)


def load_estimator(kind: type, path: Path) -> Any:
    """Read what `save_estimator` wrote; see `NetworkEstimator.load`."""
    try:
        tensors, state = RunFolder(path.parent).read_tensors(path.name)
    except BadRun as error:
        if error.__cause__ is None:  # of a newer format, which it says
            raise
        raise BadRun(f"{path} cannot be read ({error.__cause__}). Expected what {kind.__name__}.save wrote.") from error
    if state.get("estimator") != kind.__name__:
        found = state.get("estimator", "no estimator")
        raise BadRun(f"{path} holds {found}, expected what {kind.__name__}.save wrote.")
    parameters = {name: tuple(v) if isinstance(v, list) else v for name, v in state["parameters"].items()}
    estimator = kind(**parameters)
    recipe, shape = Recipe.from_json(state["recipe"]), tuple(state["input_shape"])
    network = build(recipe.model, shape, state["num_outputs"], recipe.seed)
    weights = _under(_NETWORK, tensors)
    network.to(next(value.dtype for value in weights.values() if value.is_floating_point()))
    network.load_state_dict(weights)
    arrays = {name: value.numpy() for name, value in _under(_PREPROCESSING, tensors).items()}
    target = None if state["target"] is None else from_json(state["target"])
    estimator.learnt_ = Learnt(
        recipe=recipe,
        network=network.eval(),
        input_shape=shape,
        num_outputs=state["num_outputs"],
        fitted=from_json(state["preprocessing"], arrays),
        target=target,
        history=state["history"],
        epochs=state["epochs"],
    )
    inputs = state["inputs"]
    estimator.inputs_ = Inputs(**{**inputs, "shape": tuple(inputs["shape"])})
    for name, value in state["fitted"].items():
        setattr(estimator, name, value)
    for name, content in (("feature_names_in_", state["names"]), ("classes_", state["classes"])):
        if content is not None:
            setattr(estimator, name, np.array(content["values"], dtype=np.dtype(content["dtype"])))
    return estimator


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _array(values: np.ndarray | None) -> dict[str, Any] | None:
    """Labels as plain JSON with their type."""
    return None if values is None else {"dtype": values.dtype.str, "values": _json("classes_", values.tolist())}


def _json(name: str, value: Any) -> Any:
    """A value that JSON holds as it is, or a part or a recipe as the JSON it is made from."""
    if hasattr(value, "json"):
        return value.json()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, tuple | list):
        return [_json(name, item) for item in value]
    if isinstance(value, Mapping):
        return {key: _json(name, item) for key, item in value.items()}
    try:
        json.dumps(value)
    except TypeError as error:
        raise BadValue(
            f"{name}={value!r} cannot be saved: expected numbers, words, techniques, and lists of them."
        ) from error
    return value
