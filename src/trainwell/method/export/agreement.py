"""Whether an exported model says what the run says, in numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from trainwell.data.batches import ArraySource, Feed
from trainwell.errors import Failed
from trainwell.method.run import Run
from trainwell.training.engine import Engine, running
from trainwell.training.evaluate import outputs
from trainwell.training.machine import usable_threads

TOLERANCE = 1e-4  # of a probability, or of the standard deviation of the target; fp32 sums in another order

Answer = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Agreement:
    """How far two models' answers to the same inputs lie apart.

    Args:
        inputs: What they were asked, in words.
        count: How many inputs.
        largest: Largest difference of a probability, or of a value in standard deviations of the target.
        same_class: For how many inputs the most probable class is the same; None in regression.
        tolerance: What `largest` may be.
    """

    inputs: str
    count: int
    largest: float
    same_class: int | None
    tolerance: float = TOLERANCE

    @property
    def holds(self) -> bool:
        """Whether the difference is within the tolerance."""
        return self.largest <= self.tolerance  # false for NaN

    def json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return dict(vars(self))

    def figures(self) -> str:
        """How far apart, in words."""
        if self.same_class is None:
            return f"largest difference {self.largest:.1e} standard deviations of the target"
        return f"largest difference {self.largest:.1e}, same class for {self.same_class} of {self.count}"

    def text(self) -> str:
        """The figures and what they may be."""
        return f"{self.figures()} (tolerance {self.tolerance:.0e})"


def agreement(expected: np.ndarray, found: np.ndarray, inputs: str, spread: np.ndarray | None) -> Agreement:
    """Compare answers.

    Args:
        expected: Probabilities (n, C) or values (n, K).
        found: The same from the other model.
        inputs: What was asked, in words.
        spread: Standard deviations of the targets, (K,); None for probabilities.

    Raises:
        Failed: The shapes differ.
    """
    if expected.shape != found.shape:
        raise Failed(f"The exported model gives {found.shape} where the run gives {expected.shape}.")
    apart = np.abs(expected.astype(np.float64) - found)
    apart = apart if spread is None else apart / spread
    largest = float(apart.max()) if np.isfinite(apart).all() else float("nan")
    same = None if spread is not None else int((expected.argmax(1) == found.argmax(1)).sum())
    return Agreement(inputs, len(expected), largest, same)


def run_answers(run: Run, network: nn.Module, x: np.ndarray, precision: str) -> np.ndarray:
    """What the run says of inputs, by the path that `evaluate` takes.

    Args:
        run: The run.
        network: Its network, in evaluation mode, on the CPU.
        x: Stored values.
        precision: `fp32` or `bf16`.
    """
    description, recipe, target = run.description(), run.recipe, run.target()
    device, num_classes = torch.device("cpu"), len(description["classes"]) or None
    images, own = description["kind"] == "images", description["kind"] == "own"
    unknown = np.zeros(len(x), np.int64) if target is None else np.zeros((len(x), 1), np.float32)
    feed = Feed(
        ArraySource(x),
        unknown,
        np.arange(len(x)),
        images=images,
        prepare=None if own else run.preprocessing(),
        num_classes=num_classes,
        device=device,
        batch_size=len(x),
        seed=recipe.seed,
    )
    engine = Engine(device, precision, "contiguous", False, recipe.threads or usable_threads())
    with running(engine):
        answers, _ = outputs(engine.place(network), feed, engine, description["views"])
    answers = answers if target is None else target.inverse(answers.view(len(x), -1))
    return answers.float().numpy()


def file_answers(answer: Answer, x: np.ndarray) -> np.ndarray:
    """What an exported model says of inputs: of the first alone, then of the others, so that two sizes are tried."""
    parts = [x[:1], x[1:]] if len(x) > 1 else [x]
    return np.concatenate([answer(np.ascontiguousarray(part)) for part in parts])


def spread_of(run: Run) -> np.ndarray | None:
    """Standard deviations of the targets, (K,); None in classification."""
    target = run.description()["target"]
    return None if target is None else np.asarray(target["scale"], np.float64)
