"""How to compute, how long it will take, and what to do when memory runs out."""

import copy
from pathlib import Path

from trainwell.data.cache import cache_root
from trainwell.errors import OutOfMemory
from trainwell.method.screen import Screen
from trainwell.training.calibrate import SAMPLES, Calibration, calibrate
from trainwell.training.engine import Engine
from trainwell.training.machine import give_back_memory
from trainwell.training.memory import (
    bytes_saved,
    largest_batch,
    largest_that_fits,
    refuse_if_too_large,
    too_large,
)
from trainwell.training.setup import Setup

_LEAST_SHARE = 0.5  # bf16 takes half the memory of fp32 at best


def choose(setup: Setup, cache: Path | None, screen: Screen) -> Calibration:
    """Calibrate, say what was chosen and how long training will take, and refuse a batch that cannot fit.

    Raises:
        OutOfMemory: With the largest batch that fits.
    """
    recipe, feed = setup.recipe, setup.feeds["train"]
    count = samples_to_time(setup)
    x, y = next(feed.passes(count, count))
    steps = feed.stream.steps(recipe.epochs)
    found = calibrate(
        setup.model,
        setup.loss,
        x,
        y,
        device=setup.device,
        batch_size=feed.batch_size,
        steps=steps,
        threads=recipe.threads,
        precision=recipe.precision,
        layout=recipe.layout,
        compile=recipe.compile,
        cache=cache_root(cache) / "calibration",
    )
    give_back_memory()
    gain = f", {found.gain:.1f}x as fast as the plain way" if found.gain > 1 else ""
    earlier = " (timed earlier)" if found.cached else ""
    screen.say(f"computing with {found.engine(setup.device).text()}{gain}{earlier}")
    if setup.device.type == "cpu":
        refuse_if_too_large(setup.model, found.saved_bytes, 1, feed.batch_size)
    return found


def samples_to_time(setup: Setup) -> int:
    """Samples the calibration may take: fewer where they would fill more than half of the free memory.

    Costs no more than two samples through the network, so that it can be asked before anything else is tried.

    Raises:
        OutOfMemory: The batch cannot fit whatever the calibration chooses.
    """
    feed = setup.feeds["train"]
    count = min(SAMPLES, feed.batch_size)
    if setup.device.type != "cpu":
        return count
    network, (x, _) = copy.deepcopy(setup.model).train(), next(feed.passes(2, 2))
    saved = bytes_saved(network, lambda: network(x))
    fits = largest_that_fits(network, saved, len(x))
    if fits is None or fits >= 2 * count:
        return count
    if fits < _LEAST_SHARE * feed.batch_size:
        refuse_if_too_large(network, saved, len(x), feed.batch_size)
    return max(2, 2 ** (fits // 2).bit_length() // 2)


def out_of_memory(setup: Setup, engine: Engine) -> OutOfMemory:
    """The error for a step that ran out of memory: smaller batches are tried, to name the largest that fits."""
    feed, model = setup.feeds["train"], setup.model

    def attempt(size: int) -> None:
        model.zero_grad(set_to_none=True)
        x, y = next(feed.passes(size, size))
        setup.loss(engine.forward(model, x), y).backward()

    return too_large(feed.batch_size, largest_batch(attempt, feed.batch_size))
