"""What is said of a grid of heads."""

import math

import pytest

from trainwell.method.finetune.head import told
from trainwell.training.heads import Head


def heads(*scored: tuple[float, float, float]) -> list[Head]:
    """Heads of a rate, a validation accuracy and a validation loss each."""
    return [Head(lr, 0.0, 0, {"valid_accuracy": score, "valid_loss": loss}) for lr, score, loss in scored]


def test_the_winner_and_the_spread_are_said() -> None:
    found = heads((0.1, 0.5, 1.0), (1.0, 0.9, 0.4), (10.0, 0.6, 0.8), (100.0, 0.7, 0.7), (300.0, 0.99, math.nan))
    words = told(found, 1, "valid_accuracy", 2.0, only=True)
    assert words.startswith("heads: 5 trained at once in 2.0 s; the best, lr=1, weight_decay=0: validation accuracy 0.")
    assert "half of them lie between 0.5750 and 0.7500, the worst at 0.5000" in words
    assert words.endswith("1 came to nothing, their rate being too high")
    assert "the worst at 1.0000" in told(found, 1, "valid_loss", 2.0, only=True)


@pytest.mark.parametrize(
    ("scores", "chosen", "end"),
    [
        ((0.9, 0.8, 0.7), 0, "this rate is at the edge of the grid, 0.1 to 10: try optimizer.lr=0.01 too"),
        ((0.7, 0.8, 0.9), 2, "this rate is at the edge of the grid, 0.1 to 10: try optimizer.lr=100 too"),
        ((0.7, 0.9, 0.9), 2, None),  # a rate within the grid does as well
        ((0.7, 0.9, 0.8), 1, None),
    ],
)
def test_a_rate_at_the_edge_of_the_grid_is_said(scores: tuple[float, ...], chosen: int, end: str | None) -> None:
    found = heads(*((lr, score, 0.5) for lr, score in zip((0.1, 1.0, 10.0), scores, strict=True)))
    words = told(found, chosen, "valid_accuracy", 1.0, only=True)
    assert words.endswith(end) if end else "edge" not in words
    before = told(found, chosen, "valid_accuracy", 1.0, only=False)  # there the rate of the recipe is the network's
    assert "optimizer.lr" not in before and ("edge" in before) is (end is not None)
