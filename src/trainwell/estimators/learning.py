"""Training of an estimator: a recipe bound to arrays, trained in memory; nothing is written to disk."""

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.augmentations import augmentations
from trainwell.data.batches import ArraySource, Feed
from trainwell.data.dataset import Data
from trainwell.data.splits import split_rows, strata_of
from trainwell.dropouts import attach
from trainwell.errors import BadValue
from trainwell.estimators.weights import (
    refuse_mixing,
    weighted_fit,
    weighted_loss,
    weighted_prior,
    weighted_spread,
    without_class_weights,
)
from trainwell.preprocessing import Fitted
from trainwell.recipe import Recipe
from trainwell.training.engine import Engine, running
from trainwell.training.evaluate import viewed
from trainwell.training.loop import Trainer
from trainwell.training.machine import usable_threads
from trainwell.training.setup import Setup, head_of, input_shape, make_feeds, set_up

_SCORES = 10  # times a training without validation rows is scored, to show how it went
_ROWS_AT_ONCE = {"table": 8192, "images": 250}


@dataclass
class Learnt:
    """What a training leaves behind: all that predicting takes.

    Args:
        recipe: As it was carried out.
        network: With the weights that were kept, on the CPU, in evaluation mode.
        input_shape: Shape of a sample as the network sees it.
        num_outputs: Width of its output.
        fitted: The preprocessing.
        target: The standardisation of the values to predict; None in classification.
        history: A line for each time the network was scored.
        epochs: Passes over the rows.
    """

    recipe: Recipe
    network: nn.Module
    input_shape: tuple[int, ...]
    num_outputs: int
    fitted: Fitted
    target: Fitted | None
    history: list[dict[str, Any]]
    epochs: float


class _Memory:
    """Keeps the lines and the best weights of a training."""

    def __init__(self) -> None:
        self.history: list[dict[str, Any]] = []
        self.weights: dict[str, Tensor] = {}

    def line(self, kind: str, values: dict[str, Any]) -> None:
        """Keep the line of an epoch; there are no measurements."""
        assert kind == "epoch", kind
        self.history.append(values)

    def save(self, trainer: Trainer) -> None:
        """Nothing: a training in memory is not resumed."""

    def best(self, trainer: Trainer) -> None:
        """Keep the weights that the network holds."""
        self.weights = {name: value.detach().clone() for name, value in trainer.model.state_dict().items()}

    def step(self, step: int, steps: int, samples: int, loss: Callable[[], float]) -> None:
        """Nothing: an estimator is silent."""

    def scored(self, line: dict[str, Any]) -> None:
        """Nothing: the line was kept."""


class _Whole(Feed):
    """A table that every step takes whole, as it lies: no order is drawn and nothing is gathered.

    Args:
        x: What the network sees, (n, F).
        y: Targets.
        num_classes: Number of classes; None in regression.
    """

    def __init__(self, x: Tensor, y: Tensor, num_classes: int | None, device: torch.device) -> None:
        super().__init__(
            ArraySource(x),
            y,
            np.arange(len(x)),
            images=False,
            prepare=None,
            num_classes=num_classes,
            device=device,
            batch_size=len(x),
            seed=0,
        )
        self._whole = (x.to(device), self.target)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:  # noqa: ARG002  (every step is the same)
        """All rows."""
        return self._whole


def is_exact(recipe: Recipe, kind: str, count: int) -> bool:
    """Whether to learn in float64 with all rows in each step: a table whose batch holds them all, nothing drawn."""
    drawn = recipe.augment or recipe.balance == "sampler"
    return kind == "table" and recipe.batch_size >= count and recipe.precision == "auto" and not drawn


def split(y: np.ndarray, x: np.ndarray, task: str, recipe: Recipe) -> dict[str, np.ndarray]:
    """Training rows, and those to validate on where the recipe asks for some; equal rows stay together."""
    if recipe.valid_fraction is None:
        return {"train": np.arange(len(y))}
    flat = np.ascontiguousarray(x.reshape(len(x), -1))
    groups = np.unique(flat.view(np.dtype((np.void, flat.strides[0]))), return_inverse=True)[1].reshape(-1)
    rows = split_rows(strata_of(y, task), groups, {"valid": recipe.valid_fraction}, recipe.seed)
    if len(rows["valid"]) == 0 or len(rows["train"]) < 2:
        raise BadValue(f"valid_fraction={recipe.valid_fraction} of {len(y)} rows leaves too few. Leave it out.")
    return rows


def learn_from(
    data: Data, weights: np.ndarray | None, recipe: Recipe, device: torch.device, before: Learnt | None
) -> Learnt:
    """Train a network.

    Args:
        data: The rows, with their splits.
        weights: Weight of each row, (N,), all above 0; None for all alike.
        recipe: What to do.
        device: Where to train.
        before: An earlier training to go on from, with its preprocessing; None starts anew.

    Raises:
        BadValue: The recipe asks for what this data cannot give.
        Diverged: The loss became NaN or infinite.
    """
    rows = data.splits["train"]
    exact = is_exact(recipe, data.kind, len(rows))
    if weights is not None:
        if recipe.balance != "none":
            raise BadValue(f"balance={recipe.balance} and sample_weight both say how much a row counts. Take one.")
        refuse_mixing(recipe.augment, lambda part: augmentations[part.name].facts.get("kind"))
        recipe, in_loss = without_class_weights(recipe, data.y, weights, len(data.classes))
    setup = _bound(data, None if weights is None else weights[rows], recipe, device, before, exact)
    recipe = setup.recipe
    feed = setup.feeds["train"]
    if weights is not None:
        factors = torch.from_numpy(in_loss[rows] / in_loss[rows].mean()).to(device)

        def of_this_step() -> Tensor:
            return factors if exact else factors[feed.stream.at(trainer.step)[0].to(device)]

        setup.loss = weighted_loss(setup.loss, of_this_step)
    plan = setup.plan([recipe.epochs])
    if "valid" not in data.splits and plan.reaction is None:  # a schedule that goes by the losses needs each epoch's
        steps = len(plan.multipliers)
        ends = sorted({max(1, round(steps * part / _SCORES)) for part in range(1, _SCORES + 1)})
        plan = dataclasses.replace(plan, epoch_steps=ends)
    memory, engine = _Memory(), engine_of(recipe, data.kind, device)
    model = engine.place(setup.model.to(torch.float64 if exact else torch.float32))
    trainer = Trainer(
        model, setup.optimizer(model, setup.rate), setup.rate, feed, setup.feeds.get("valid"), engine, plan
    )
    with running(engine):
        trainer.run(memory, memory)
    model.load_state_dict(memory.weights)
    attach(model, None)
    return Learnt(
        recipe=recipe,
        network=model.cpu().eval(),
        input_shape=input_shape(data, setup.fitted),
        num_outputs=setup.num_outputs,
        fitted=setup.fitted,
        target=setup.target,
        history=memory.history,
        epochs=trainer.epoch,
    )


def _bound(
    data: Data,
    weights: np.ndarray | None,
    recipe: Recipe,
    device: torch.device,
    before: Learnt | None,
    exact: bool,
) -> Setup:
    """The recipe bound to the data, with the feeds, and with what is fitted on rows that count by their weights."""
    rows = data.splits["train"]
    setup = set_up(data, recipe, device)
    if before is not None:
        if before.recipe.model != recipe.model or before.recipe.preprocess != recipe.preprocess:
            raise BadValue(
                "warm_start goes on with the network and the preprocessing of the last fit; this one asks for others. "
                "Leave them as they were, or set warm_start=False."
            )
        setup.model, setup.fitted, setup.target = copy.deepcopy(before.network), before.fitted, before.target
    elif weights is not None:
        if data.kind == "table":
            setup.fitted = weighted_fit(recipe.preprocess, data.x[rows], weights)
        if setup.target is not None:
            setup.target = weighted_spread(data.y[rows], weights)
        if recipe.last_bias == "prior":
            head = head_of(setup.model, setup.num_outputs)
            assert head is not None, "set_up refuses a prior without a head"
            weighted_prior(head, data.y[rows], weights)
    if exact:
        setup.feeds = {name: _whole(data, setup, part) for name, part in data.splits.items()}
    elif weights is not None or before is not None:
        setup.feeds = make_feeds(data, setup.recipe, device, setup.fitted, setup.target)
    return setup


def _whole(data: Data, setup: Setup, rows: np.ndarray) -> _Whole:
    x = setup.fitted.apply(torch.from_numpy(np.array(data.x[rows], np.float64)))
    y = torch.from_numpy(np.array(data.y[rows]))
    if setup.target is not None:
        y = setup.target.apply(y.double().view(len(y), -1))
    return _Whole(x, y, setup.num_classes, setup.device)


def engine_of(recipe: Recipe, kind: str, device: torch.device) -> Engine:
    """How to compute: what the recipe leaves open is not timed, so that a fit can be repeated to the last bit.

    The small steps of a table are fastest on one thread.
    """
    return Engine(
        device,
        "fp32" if recipe.precision == "auto" else recipe.precision,
        "contiguous" if recipe.layout == "auto" else recipe.layout,
        recipe.compile == "yes",
        recipe.threads or (1 if kind == "table" else min(usable_threads(), torch.get_num_threads())),
    )


def outputs_of(learnt: Learnt, x: np.ndarray, kind: str, device: torch.device) -> np.ndarray:
    """Logits (n, C), or values (n, K) in the unit of the target; float64.

    Args:
        learnt: What was trained.
        x: Stored values, float (n, F) or uint8 (n, H, W, C).
        kind: `table` or `images`.
        device: Where to compute.
    """
    engine = engine_of(learnt.recipe, kind, device)
    model = engine.place(learnt.network)
    dtype = next(model.parameters()).dtype
    found = []
    try:
        with running(engine), torch.inference_mode():
            for start in range(0, len(x), _ROWS_AT_ONCE[kind]):
                values = torch.from_numpy(np.array(x[start : start + _ROWS_AT_ONCE[kind]])).to(device, dtype)
                values = learnt.fitted.apply(values)
                values = values.permute(0, 3, 1, 2) if values.dim() == 4 else values
                found.append(viewed(lambda v: engine.forward(model, v), values, learnt.recipe.views).double().cpu())
    finally:
        learnt.network = model.cpu()
    outputs = torch.cat(found)
    return (outputs if learnt.target is None else learnt.target.inverse(outputs)).numpy()
