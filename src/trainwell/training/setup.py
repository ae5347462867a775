"""A recipe bound to data: the network, the feeds, the losses, the optimizer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainwell.augmentations import augmentations
from trainwell.averages import averages
from trainwell.clippings import clippings
from trainwell.data.augment import Augmenter
from trainwell.data.batches import Feed, source_of
from trainwell.data.dataset import Data
from trainwell.data.statistics import pixel_statistics
from trainwell.errors import BadValue
from trainwell.initializers import carry_prior, fill_biases
from trainwell.losses import balanced_weights, losses
from trainwell.measurements import measurements
from trainwell.models import build, prepare
from trainwell.optimizers import optimizers, parameter_groups
from trainwell.penalties import penalties
from trainwell.preprocessing import Fitted, fit_target, preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import Shape
from trainwell.schedules import multipliers, reaction
from trainwell.training.balance import BALANCED_MONITOR, balanced_loss, class_counts
from trainwell.training.freeze import all_but, freeze
from trainwell.training.loop import Plan, scored_steps
from trainwell.training.refusals import (
    refuse_idle_decay,
    refuse_misfit,
    refuse_what_cannot_be,
    refuse_without_start,
)

Loss = Callable[[Tensor, Tensor], Tensor]
_PREPARING_SAMPLES = 2000  # a data-dependent initialiser sees so many
TELLING = 20  # validation samples below which one of them is worth more than five points, and none choose weights


def shape_of(data: Data) -> Shape:
    """What a recipe needs to know of the data."""
    return Shape(data.kind, input_shape(data), data.classes, len(data.splits["train"]))


def input_shape(data: Data, fitted: Fitted | None = None) -> tuple[int, ...]:
    """Shape of a sample as the network sees it behind the preprocessing: (C, H, W) for what is still an image."""
    shape = tuple(data.x.shape[1:]) if hasattr(data.x, "shape") else tuple(torch.as_tensor(data.x[0][0]).shape)
    if fitted is not None and data.kind != "own":
        shape = fitted.output_shape(shape)
    return (shape[2], shape[0], shape[1]) if data.kind == "images" and len(shape) == 3 else shape


@dataclass(frozen=True)
class Start:
    """What a training starts from that does not start from scratch.

    Args:
        network: With its learnt weights and a new head; trained in place.
        head: Name of the head in it.
        fitted: The preprocessing it was trained behind; None fits one on the new data.
    """

    network: nn.Module
    head: str
    fitted: Fitted | None


@dataclass
class Setup:
    """All that training and the checks act on.

    Args:
        data: The data.
        recipe: The recipe.
        device: Where to train.
        model: The network, initialised, on the CPU until an engine places it.
        fitted: Preprocessing, fitted on the training split.
        target: Standardisation of regression targets; None in classification.
        feeds: One feed a split; only that of `train` augments.
        loss: What is minimised.
        plain_loss: The same without smoothing, and with all samples and classes as they are: what is reported.
    """

    data: Data
    recipe: Recipe
    device: torch.device
    model: nn.Module
    fitted: Fitted
    target: Fitted | None
    feeds: dict[str, Feed]
    loss: Loss
    plain_loss: Loss

    @property
    def num_classes(self) -> int | None:
        """Number of classes; None in regression."""
        return len(self.data.classes) or None

    @property
    def num_outputs(self) -> int:
        """Width of the network's output."""
        return self.num_classes or self.feeds["train"].target.shape[1]

    @property
    def monitor(self) -> str:
        """The metric by which the best weights are chosen."""
        if self.recipe.monitor != "auto":
            return self.recipe.monitor
        if self.recipe.balance != "none":
            return BALANCED_MONITOR
        return "valid_accuracy" if self.num_classes else "valid_r2"

    @property
    def by_class(self) -> bool:
        """Whether the balanced accuracy is scored beside the accuracy."""
        return self.recipe.balance != "none" or self.monitor == BALANCED_MONITOR

    @property
    def rate(self) -> float:
        """Peak learning rate."""
        return float(self.recipe.optimizer.args["lr"])

    def optimizer(self, model: nn.Module, lr: float) -> Optimizer:
        """The recipe's optimizer over a model, at another rate if need be."""
        recipe = self.recipe
        groups = parameter_groups(model, norm_bias_rate=recipe.norm_bias_rate, layer_decay=recipe.layer_decay)
        part = optimizers.part(recipe.optimizer, lr=lr)
        return optimizers.build(part, groups)

    def plan(self, segments: list[float]) -> Plan:
        """The plan of the loop over the segments of a run: the first has the schedule, the others hold the last rate.

        Args:
            segments: Epochs at the end of each segment, rising.
        """
        recipe, stream = self.recipe, self.feeds["train"].stream
        ends = [stream.steps(epochs) for epochs in segments]
        factors = list(multipliers(recipe.schedule, ends[0], recipe.warmup, start=recipe.start))
        factors += [factors[-1]] * (ends[-1] - ends[0])
        react = reaction(recipe.schedule)
        constraints = [part for part in recipe.penalties if penalties[part.name].facts.get("constraint")]
        added = [part for part in recipe.penalties if part not in constraints]
        return Plan(
            loss=self.loss,
            plain_loss=self.plain_loss,
            multipliers=factors,
            reaction=None if react is None else lambda step, seen: react(min(1.0, step / ends[0]), seen),
            epoch_steps=scored_steps(ends[-1], segments[-1]),
            clip=None if recipe.clip is None else clippings.bind(recipe.clip),
            penalties=[penalties.bind(part) for part in added],
            constraints=[penalties.bind(part) for part in constraints],
            average=None if recipe.average is None else averages.build(recipe.average),
            measurements={part.name: measurements.bind(part) for part in recipe.measure},
            measure_every=min(recipe.measure_every, ends[-1]),
            monitor=self.monitor,
            by_class=self.by_class,
            patience=recipe.patience,
            keep_best=recipe.keep == "best",
            two_pass=bool(optimizers[recipe.optimizer.name].facts.get("two_pass")),
            seed=recipe.seed,
        )


def set_up(
    data: Data,
    recipe: Recipe,
    device: torch.device,
    given: nn.Module | None = None,
    like: Setup | None = None,
    start: Start | None = None,
) -> Setup:
    """Bind a recipe to data.

    Args:
        data: The data.
        recipe: The recipe.
        device: Where to train.
        given: One's own network, used as it is; None builds the recipe's.
        like: An earlier setup of the same data on the same device, whose fitted preprocessing and prepared samples
            are shared where the two recipes agree on them; the result is the same without it.
        start: What the training starts from; None is from scratch.

    Raises:
        BadValue: The recipe asks for what this data cannot give.
    """
    refuse_what_cannot_be(data, recipe)
    refuse_without_start(recipe, starts=start is not None)
    given = given if start is None else start.network
    if like is not None and like.data is data and like.recipe.preprocess == recipe.preprocess:
        fitted, target = like.fitted, like.target
        feeds = _feeds_again(like, recipe)
    else:
        known = None if start is None else start.fitted
        fitted = known or preprocessing.build(recipe.preprocess, data.x, data.splits["train"])
        target = fit_target(data.y[data.splits["train"]]) if data.task == "regression" else None
        feeds = make_feeds(data, recipe, device, fitted, target)
    num_outputs = len(data.classes) or feeds["train"].target.shape[1]
    recipe = _with_numbers(recipe, feeds["train"]).replace(keep=_kept(recipe, feeds.get("valid")))
    model = build(recipe.model, input_shape(data, fitted), num_outputs, recipe.seed) if given is None else given
    _start_biases(model, recipe, feeds["train"], num_outputs)
    if given is None:
        count = min(_PREPARING_SAMPLES, len(feeds["train"]))
        prepare(model, next(feeds["train"].passes(count, count))[0].cpu())
    if given is not None or ":" in recipe.model.name:
        refuse_misfit(model, next(feeds["train"].passes(2, 2))[0], num_outputs, data.task)
    frozen = all_but(model, start.head) if start is not None and recipe.transfer == "head" else recipe.freeze
    if frozen:
        freeze(model, frozen)
    refuse_idle_decay(model, recipe)
    loss, plain = (_loss(recipe, training) for training in (True, False))
    loss = balanced_loss(recipe, loss, plain, class_counts(feeds["train"]), device)
    setup = Setup(data, recipe, device, model, fitted, target, feeds, loss, plain)
    setup.plan([recipe.epochs])  # refuses a schedule that cannot be, before anything is written
    return setup


def make_feeds(
    data: Data, recipe: Recipe, device: torch.device, fitted: Fitted, target: Fitted | None
) -> dict[str, Feed]:
    """A feed for every split of the data; only that of `train` augments."""
    images = data.kind == "images"
    y: Any = data.y
    if target is not None:
        values = np.asarray(data.y, dtype=np.float32)
        y = target.apply(torch.from_numpy(values.reshape(len(values), -1).copy()))
    source = source_of(data.x)
    augmenter = _augmenter(data, recipe) if recipe.augment and "train" in data.splits else None
    return {
        name: Feed(
            source,
            y,
            rows,
            images=images,
            prepare=None if data.kind == "own" else fitted,
            num_classes=len(data.classes) or None,
            device=device,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            augmenter=augmenter if name == "train" else None,
            balanced=name == "train" and recipe.balance == "sampler",
        )
        for name, rows in data.splits.items()
    }


def _feeds_again(like: Setup, recipe: Recipe) -> dict[str, Feed]:
    """The feeds of another setup in the order, and with the augmentations, of this recipe."""
    augmenter = _augmenter(like.data, recipe) if recipe.augment and "train" in like.feeds else None
    return {
        name: feed.again(
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            augmenter=augmenter if name == "train" else None,
            balanced=name == "train" and recipe.balance == "sampler",
        )
        for name, feed in like.feeds.items()
    }


def _augmenter(data: Data, recipe: Recipe) -> Augmenter:
    """The recipe's augmentations, with what those of values need to know of the training pixels."""
    if data.kind != "images":
        return Augmenter(recipe.augment, None)
    size = (int(data.x.shape[1]), int(data.x.shape[2]))
    kinds = {augmentations[part.name].facts.get("kind") for part in recipe.augment}
    if kinds <= {"geometry", "mix"}:
        return Augmenter(recipe.augment, size)
    mean, covariance = pixel_statistics(data.x, data.splits["train"])
    return Augmenter(recipe.augment, size, fill=mean, covariance=covariance)


def _loss(recipe: Recipe, training: bool) -> Loss:
    """The loss that is minimised, or, without smoothing and weights, the one that is reported."""
    args = {name: value for name, value in recipe.loss.args.items() if training or name not in ("smoothing", "weights")}
    return losses.bind({"name": recipe.loss.name, **args})


def _with_numbers(recipe: Recipe, train: Feed) -> Recipe:
    """The recipe with `loss.weights=balanced` turned into a weight for each class."""
    if recipe.loss.args.get("weights") != "balanced" or train.num_classes is None:
        return recipe
    counts = torch.bincount(train.target, minlength=train.num_classes).tolist()
    return recipe.replace(loss=losses.part(recipe.loss, weights=tuple(balanced_weights(counts))))


def _kept(recipe: Recipe, valid: Feed | None) -> Literal["best", "last"]:
    """Which weights a run gives back: the best, or the last where too few validation samples tell weights apart."""
    if recipe.keep != "auto":
        return recipe.keep
    asked = recipe.monitor != "auto" or recipe.patience is not None
    return "best" if asked or (valid is not None and len(valid) >= TELLING) else "last"


def _start_biases(model: nn.Module, recipe: Recipe, train: Feed, num_outputs: int) -> None:
    """Give the biases the start that the recipe asks for; those of a network are left as they are built where it asks
    for none."""
    head = head_of(model, num_outputs)
    if recipe.bias != 0.0 and not fill_biases(model, recipe.bias, but=head):
        raise BadValue(
            f"bias={recipe.bias:g} has no effect: no hidden linear or convolution layer of {recipe.model.name} has a "
            "bias (a norm behind it has one). Leave it out, or set model.norm=none."
        )
    if recipe.last_bias == "prior":
        if train.num_classes is None:
            raise BadValue("last_bias=prior has no effect: values to predict are standardised, their mean is 0.")
        if head is None:
            raise BadValue(
                f"last_bias=prior needs a last layer with a bias, and {recipe.model.name} has none. Leave it out."
            )
        carry_prior(head, train.target, train.num_classes)


def head_of(model: nn.Module, num_outputs: int) -> nn.Linear | None:
    """The last linear layer of so many outputs that has a bias; None where there is none."""
    linear = [module for module in model.modules() if isinstance(module, nn.Linear) and module.bias is not None]
    return next((layer for layer in reversed(linear) if layer.out_features == num_outputs), None)
