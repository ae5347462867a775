"""A run's weights, placed and ready, and what they say to samples: one view of each, or an average over several."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from trainwell.augmentations import augmentations
from trainwell.data.open import open_data
from trainwell.data.views import Views
from trainwell.errors import BadValue
from trainwell.method.evaluation.sample import Sample, matching_rows
from trainwell.method.look import Options
from trainwell.method.run import Run
from trainwell.method.screen import Screen
from trainwell.preprocessing import preprocessing
from trainwell.training.engine import Engine, running
from trainwell.training.evaluate import outputs, predicted
from trainwell.training.machine import pick_device, usable_threads
from trainwell.training.setup import make_feeds

OWN_VIEWS = {"one": "one view", "flip": "the image and its mirror image", "flip_shift": "mirrored and moved by a pixel"}
_VIEWS_OF = {"one": 1, "flip": 2, "flip_shift": 6}
_WARM_UP = 64  # samples


@dataclass(frozen=True)
class Answers:
    """What a run says to samples.

    Args:
        predicted: Probabilities, (n, C), or values, (n, K); float64.
        views: What it was averaged over, in words.
        count: Views a sample.
        seconds: What it took, once the samples were read from files.
    """

    predicted: np.ndarray
    views: str
    count: int
    seconds: float


class Answering:
    """A run's weights on a device.

    Args:
        run: The run.
        options: Options; `device`, `cache` and `max_broken` matter.
        screen: Where to say what happens.
        given: The network object, where the run was made with one's own.
    """

    def __init__(self, run: Run, options: Options, screen: Screen, given: nn.Module | None = None) -> None:
        self.run, self.options, self.screen = run, options, screen
        self.description, self.recipe = run.description(), run.recipe
        device, recipe = pick_device(options.device), self.recipe
        self.engine = Engine(device, recipe.precision, recipe.layout, False, recipe.threads or usable_threads())
        self.network = self.engine.place(run.model(given))
        self.fitted, self.target = run.preprocessing(), run.target()

    @property
    def side(self) -> int:
        """Side of the image that the network takes."""
        return int(self.description["decoding"]["size"][0])

    def answer(self, sample: Sample, views: Views | str | None = None) -> Answers:
        """What the run says to the samples.

        Args:
            sample: Samples as this run reads them.
            views: What to average over; None is what the run's recipe says.

        Raises:
            BadValue: The views cannot be had of such samples.
        """
        views = self.description["views"] if views is None else views
        if isinstance(views, str):
            words, number = OWN_VIEWS[views], _VIEWS_OF[views]
        else:
            self.refuse(views)
            words, number = views.text(self.side), views.count
        if isinstance(views, str) or views.plain:
            data = replace(sample.data, splits={sample.part: sample.rows})
            feed = make_feeds(data, self.recipe, self.engine.device, self.fitted, self.target)[sample.part]
            began = time.perf_counter()
            with running(self.engine):
                found = outputs(self.network, feed, self.engine, views)[0]
        else:
            images, rows = self._stored(sample, views)
            began = time.perf_counter()
            with running(self.engine):
                found = predicted(
                    self.network,
                    images,
                    rows,
                    self.engine,
                    prepare=self.fitted,
                    views=views,
                    side=self.side,
                    classes=self.target is None,
                )
        seconds = time.perf_counter() - began
        if self.target is not None:
            return Answers(self.target.inverse(found.view(len(found), -1).double()).numpy(), words, number, seconds)
        probabilities = found.double().numpy()
        return Answers(probabilities / probabilities.sum(1, keepdims=True), words, number, seconds)

    def warm_up(self, sample: Sample) -> None:
        """Send some samples through before anything is timed: the first pass of a process takes far longer."""
        data = replace(sample.data, splits={sample.part: sample.rows[:_WARM_UP]})
        feed = make_feeds(data, self.recipe, self.engine.device, self.fitted, self.target)[sample.part]
        with running(self.engine):
            outputs(self.network, feed, self.engine)

    def refuse(self, views: Views) -> None:
        """Raise `BadValue` where these views make no sense for what the network takes."""
        kind, decoding = self.description["kind"], self.description["decoding"]
        if kind != "images":
            what = {"table": "a table", "own": "a data set of one's own"}[kind]
            raise BadValue(
                f"crops, scales and flips are views of images, and this run was trained on {what}. Leave them out."
            )
        if views.flips and preprocessing[self.recipe.preprocess.name].facts.get("by_position"):
            raise BadValue(
                f"flips mirrors what the network sees, and preprocess={self.recipe.preprocess.name} treats every place "
                "of the image in its own way. Leave mirror images out: crops=1 or crops=5, without flips."
            )
        if views.plain:
            return
        height, width = decoding["size"]
        if height != width:
            raise BadValue(
                f"crops and scales are cut as squares, and this network takes {width} x {height}. "
                "Leave them out; flips=true is possible."
            )
        if decoding.get("fit", "crop") == "letterbox":
            raise BadValue(
                "This run sees the whole of each image with bars beside it (image_fit=letterbox): there is nothing "
                "to cut crops from. Leave crops and scales out; flips=true is possible."
            )
        views.scales_for(self.side)

    def advise(self, views: Views, sample: Sample) -> None:
        """Say what of the views is worth knowing, and refuse crops that are all the same."""
        self.refuse(views)
        mirrors = {augmentations[part.name].facts.get("mirrors") for part in self.recipe.augment}
        if views.flips and "left_right" not in mirrors:
            self.screen.warn("this run was not trained on mirror images, and is now asked about them")
        if views.crops == 1 or self.side not in views.scales_for(self.side):
            return
        if views.scales_for(self.side) == (self.side,) and self._holds_no_more(sample):
            raise BadValue(
                f"crops={views.crops} at scale {self.side}: the images are {self.side} x {self.side}, so that all "
                f"crops are the same. Give a scale above {self.side}, or crops=1."
            )
        self.screen.say(
            f"at scale {self.side} a crop is as high as the image (or as wide): some of the crops are the same"
        )

    def _stored(self, sample: Sample, views: Views) -> tuple[Any, np.ndarray]:
        """The images to cut the views from, and the rows of the samples in them; says how they were come by."""
        wanted, kept = views.short_side(self.side), sample.data.decoding.get("short_side")
        if kept is not None and kept >= wanted:
            return sample.data.x, sample.rows
        if self._holds_no_more(sample):
            if wanted > self.side:
                self.screen.say(
                    f"images are stored as {self.side} x {self.side}: larger scales are scaled up from that"
                )
            return sample.data.x, sample.rows
        if wanted == self.side and views.crops == 1 and kept is None:
            return sample.data.x, sample.rows  # the middle at its own size is what is read anyway
        again = open_data(
            sample.source,
            parts=sample.parts,
            like=self.description["decoding"],
            short_side=wanted,
            max_broken=self.options.max_broken,
            cache=self.options.cache,
            progress=self.screen.reading,
        )
        self.screen.done()
        return again.x, matching_rows(sample, again)

    def _holds_no_more(self, sample: Sample) -> bool:
        """Whether the images are no files, or files of just the size that the network takes."""
        sizes = sample.data.facts.get("sizes")
        return not sample.data.names or (sizes is not None and sizes["smallest"] == sizes["largest"] == [self.side] * 2)
