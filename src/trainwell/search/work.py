"""What the trials of a study share: the data, the recipe they edit, the device, and the folds."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from trainwell.data.cache import cache_root
from trainwell.data.dataset import Data
from trainwell.errors import BadData
from trainwell.family import Part
from trainwell.recipe import Recipe
from trainwell.search.folds import fold_data
from trainwell.search.trial import Trial
from trainwell.training.calibrate import SAMPLES, calibrate
from trainwell.training.engine import Engine
from trainwell.training.setup import Setup, set_up


class Work:
    """What the trials of a study share.

    Args:
        data: The data, opened once, with a `valid` split.
        recipe: The recipe that the trials edit. How to compute has to be decided in it before an engine is asked for;
            `calibrated` does.
        device: Where to train.
        folds: Number of folds of a cross-validation; None for the data's own validation split.
        groups: Group of each row, (N,), for the folds; None keeps equal samples together.
        given: One's own network; every trial trains a fresh copy of it.
        keep_memory: Whether worker processes, but those of a Ray cluster, keep freed memory for the next step.

    Raises:
        BadData: No validation split, or too few rows for the folds.
        BadValue: Folds that cannot be.
    """

    def __init__(
        self,
        data: Data,
        recipe: Recipe,
        *,
        device: torch.device | None = None,
        folds: int | None = None,
        groups: np.ndarray | None = None,
        given: nn.Module | None = None,
        keep_memory: bool = True,
    ) -> None:
        if "valid" not in data.splits:
            raise BadData(f"{data.source} has no validation split, by which the trials of a study are judged.")
        self.data, self.recipe, self.given, self.keep_memory = data, recipe, given, keep_memory
        self.device = torch.device("cpu") if device is None else device
        self.folds = () if folds is None else fold_data(data, folds, seed=recipe.seed, groups=groups)
        self._earlier: dict[tuple[int | None, Part], Setup] = {}

    def recipe_of(self, trial: Trial) -> Recipe:
        """The recipe of a trial. Nothing is measured in it, which does not change what it learns.

        Raises:
            Refused: An edit that cannot be.
        """
        return self.recipe.edit(trial.edits).replace(seed=trial.seed, epochs=trial.epochs, measure=())

    def set_up(self, trial: Trial) -> Setup:
        """A trial bound to its data; fitted preprocessing and prepared samples are shared with the trials before.

        Raises:
            Refused: The recipe asks for what this data cannot give.
        """
        data = self.data if trial.fold is None else self.folds[trial.fold]
        given = None if self.given is None else copy.deepcopy(self.given)
        recipe = self.recipe_of(trial)
        key = (trial.fold, recipe.preprocess)
        setup = set_up(data, recipe, self.device, given, self._earlier.get(key))
        if key not in self._earlier:
            self._earlier[key] = replace(setup, model=nn.Identity())  # the network itself is not shared
        return setup

    def engine(self, threads: int | None = None) -> Engine:
        """How every trial computes, with another number of threads if need be."""
        recipe = self.recipe
        decided = "auto" not in (recipe.precision, recipe.layout, recipe.compile) and recipe.threads is not None
        assert decided, "calibrate first: see Work.calibrated"
        count = threads or recipe.threads or 1
        return Engine(self.device, recipe.precision, recipe.layout, recipe.compile == "yes", count)

    def calibrated(self, cache: Path | None = None) -> "Work":
        """The same work with the way to compute decided by timing a few steps of the recipe as it stands."""
        setup = self.set_up(Trial(number=0, edits=(), seed=self.recipe.seed, epochs=self.recipe.epochs))
        recipe, feed = self.recipe, setup.feeds["train"]
        count = min(SAMPLES, feed.batch_size)
        x, y = next(feed.passes(count, count))
        found = calibrate(
            setup.model,
            setup.loss,
            x,
            y,
            device=self.device,
            batch_size=feed.batch_size,
            steps=feed.stream.steps(recipe.epochs),
            threads=recipe.threads,
            precision=recipe.precision,
            layout=recipe.layout,
            compile=recipe.compile,
            cache=cache_root(cache) / "calibration",
        )
        work = copy.copy(self)
        work.recipe = recipe.replace(
            precision=found.precision,
            layout=found.layout,
            compile="yes" if found.compile else "no",
            threads=found.threads,
        )
        return work
