"""Two models on the same samples: is the difference more than chance?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

SURE = 0.05  # a p-value below this is called a difference


@dataclass(frozen=True)
class Comparison:
    """A paired test of two models.

    Args:
        names: The first model and the second.
        test: Name of the test.
        better: Samples on which each is right where the other is wrong; in regression, on which it is nearer.
        count: Samples looked at.
        p: Probability of a difference at least as large where there is none.
        metrics: Of each model, by name.
    """

    names: tuple[str, str]
    test: str
    better: tuple[int, int]
    count: int
    p: float
    metrics: tuple[dict[str, float], dict[str, float]]

    @property
    def differ(self) -> bool:
        """Whether the difference is more than chance explains."""
        return self.p < SURE

    @property
    def text(self) -> str:
        """The result in words."""
        (one, other), (mine, theirs) = self.names, self.better
        here, there = ("right", "wrong") if self.test == MCNEMAR else ("nearer", "farther off")
        if mine == theirs == 0:
            same = "right and wrong on the same samples" if self.test == MCNEMAR else "off by as much on every sample"
            return f"{one} and {other} are {same}, of {self.count:,}: no difference seen"
        where = f"is {here} where {other} is {there}" if self.test == MCNEMAR else f"is nearer than {other}"
        verdict = "a real difference" if self.differ else "no difference seen"
        return (
            f"{one} {where} on {mine:,} of {self.count:,} samples, the other way round on {theirs:,}: "
            f"p = {_rounded(self.p)}: {verdict} ({self.test})"
        )

    def json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "names": list(self.names),
            "test": self.test,
            "better": list(self.better),
            "count": self.count,
            "p": self.p,
            "differ": self.differ,
            "text": self.text,
            "metrics": list(self.metrics),
        }


MCNEMAR = "McNemar's exact test"
WILCOXON = "Wilcoxon's signed-rank test on squared errors"


def compare_right(
    names: tuple[str, str],
    right: tuple[np.ndarray, np.ndarray],
    metrics: tuple[dict[str, float], dict[str, float]] = ({}, {}),
) -> Comparison:
    """McNemar's test: of the samples on which just one model is right, does one of them have more than chance gives?

    The test is exact: the smaller share of those samples against a fair coin, two-sided.

    Args:
        names: What the models are called.
        right: Whether each is right, (n,) bool each, on the same samples in the same order.
        metrics: Of each model, to be kept beside.

    Reference:
        McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947.
    """
    one, other = right
    mine, theirs = int((one & ~other).sum()), int((other & ~one).sum())
    p = float(stats.binomtest(mine, mine + theirs).pvalue) if mine + theirs else 1.0
    return Comparison(names, MCNEMAR, (mine, theirs), len(one), p, metrics)


def compare_errors(
    names: tuple[str, str],
    errors: tuple[np.ndarray, np.ndarray],
    metrics: tuple[dict[str, float], dict[str, float]] = ({}, {}),
) -> Comparison:
    """Wilcoxon's test: are the squared errors of one model smaller, sample by sample?

    Args:
        names: What the models are called.
        errors: Squared error of each, (n,), on the same samples in the same order.
        metrics: Of each model, to be kept beside.

    Reference:
        Wilcoxon, "Individual comparisons by ranking methods", 1945.
    """
    difference = errors[0] - errors[1]
    nearer = int((difference < 0).sum()), int((difference > 0).sum())
    p = float(stats.wilcoxon(difference[difference != 0]).pvalue) if any(nearer) else 1.0
    return Comparison(names, WILCOXON, nearer, len(difference), p, metrics)


def _rounded(p: float) -> str:
    return "below 0.0001" if p < 0.0001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
