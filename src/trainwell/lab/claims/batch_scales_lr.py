"""The best learning rate by the size of the batch."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.spread import middle
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.models import models
from trainwell.report.charts.lines import Line, Panel, lines

_BATCHES = (4, 16, 64, 256, 1024)
_RATES = tuple(0.025 * 2.0**power for power in range(9))
_GROWS, _STAYS = 4.0, 2.0
_ROUNDING = 1e-9  # of the means


@claims.add
class BatchScalesLr(Claim):
    """The loss by rate and batch, and where it is lowest."""

    id = "batch-scales-lr"
    chapter = "optimisation"
    statement = "The best learning rate grows with the batch size, until it does not."
    why = (
        "The gradient of a larger batch has less noise, so that a larger step is still a good one, up to the step "
        "that the curvature of the loss allows, however exact the gradient."
    )
    question = "By how much does the best rate grow when the batch grows 16-fold, and 16-fold again?"
    set_up = (
        "Digits, one hidden layer of 64, plain SGD, batches from 4 to 1024, rates from 0.025 to 6.4 in doublings: the "
        "rate whose training loss at the end is lowest, on each seed. All take 4 epochs: 1,617 steps in batches of 4, "
        "and 6 in batches of 1024, so that the largest end far from the minimum."
    )
    mark = (
        "Holds if from batches of 4 to 64 the best rate grows 4-fold or more (as the root of the batch; in proportion "
        "it were 16-fold), and from 64 to 1024 at most 2-fold, both in the geometric mean over the seeds. In part if "
        "one of the two. Else it does not hold."
    )
    source = (
        "Goyal et al., 2017, https://arxiv.org/abs/1706.02677; Shallue et al., 2019, https://arxiv.org/abs/1811.03600"
    )
    num_seeds = (4, 2)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Losses at the end, by batch and rate, seed by seed."""
        batches = _BATCHES[::2] if quick else _BATCHES
        epochs = 2 if quick else 4
        ends = {str(b): [[_loss(b, rate, epochs, seed) for rate in _RATES] for seed in seeds] for b in batches}
        return {"rates": _RATES, "ends": ends}

    def judge(self, numbers: Numbers) -> Verdict:
        """By how the best rate grows."""
        best = {batch: _best(numbers["rates"], rows) for batch, rows in numbers["ends"].items()}
        means = {batch: statistics.geometric_mean(rates) for batch, rates in best.items()}
        first, second = means["64"] / means["4"], means["1024"] / means["64"]
        told = "; ".join(
            f"{batch}: {means[batch]:.2g} ({min(rates):.2g} to {max(rates):.2g})" for batch, rates in best.items()
        )
        where = (
            f"From batches of 4 to 64 the best rate becomes {first:.1f} times what it was, from 64 to 1024 "
            f"{second:.1f} times. Best rates by batch, geometric means with the range: {told}."
        )
        return by_parts([first >= _GROWS * (1 - _ROUNDING), second <= _STAYS * (1 + _ROUNDING)], where)

    def figure(self, numbers: Numbers) -> str:
        """The loss by the rate for each batch, and the best rate by the batch."""
        curves = [Line(f"{batch}", numbers["rates"], middle(rows)) for batch, rows in numbers["ends"].items()]
        batches = [int(batch) for batch in numbers["ends"]]
        best = [_best(numbers["rates"], rows) for rows in numbers["ends"].values()]
        means = [statistics.geometric_mean(rates) for rates in best]
        ratios = [batch / batches[0] for batch in batches]
        guides = [
            Line("in proportion", batches, [means[0] * r for r in ratios], style="dotted", colour=6),
            Line("as the root", batches, [means[0] * math.sqrt(r) for r in ratios], style="dashed", colour=6),
        ]
        band: tuple[list[float | None], list[float | None]] = ([min(b) for b in best], [max(b) for b in best])
        measured = Line("best rate", batches, means, band=band)
        return lines(
            "The best rate by the size of the batch",
            "The loss by the rate for each batch, median over the seeds, and below it the best rate by the batch: "
            "geometric mean and range, beside growth in proportion and as the root.",
            [
                Panel(curves, "learning rate", "training loss", title="The loss by the rate, for each batch",
                      log_x=True, log_y=True),
                Panel([measured, *guides], "batch", "best rate", title="Where it is lowest", log_x=True, log_y=True),
            ],
        )  # fmt: skip


def _loss(batch: int, rate: float, epochs: int, seed: int) -> float | None:
    """The training loss at the end; None where it diverged."""
    recipe = plain_recipe(
        model=models.part("mlp", widths=(64,)),
        optimizer={"name": "sgd", "lr": rate, "momentum": 0.0},
        batch_size=batch,
        epochs=epochs,
        seed=seed,
    )
    return course(built_in("digits"), recipe).last("train_loss")


def _best(rates: Sequence[float], rows: Sequence[Sequence[float | None]]) -> list[float]:
    """The rate of the lowest loss, row by row."""
    return [min((loss, rate) for rate, loss in zip(rates, row, strict=True) if loss is not None)[1] for row in rows]
