"""Series: the losses and scores of a training of any length, in bounded memory, without waiting for the device."""

import itertools
import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from trainwell.probes.training import Curves

_KEPT = 800  # losses; twice as many as `Curves` holds, so that halving leaves enough
_SHOWN = 400
_POINTS = 16  # at which curves are given


@dataclass(eq=False)
class Series:
    """Losses by step and scores now and then.

    Losses stay on their device until `curves` is called. Beyond 800 of them each entry stands for twice as many steps
    as
    before: the loss of the first one and the mean of all.
    """

    taken: int = 0
    _stride: int = 1
    _first: list[Tensor] = field(default_factory=list)
    _mean: list[Tensor] = field(default_factory=list)
    _sum: Tensor | None = None
    _count: int = 0
    _scores: list[tuple[int, dict[str, Tensor]]] = field(default_factory=list)

    def add(self, loss: Tensor) -> None:
        """Take in the loss of a step, a scalar, detached."""
        self.taken += 1
        if self._count == 0:
            self._first.append(loss)
        # The first is not written to: it may be the user's own tensor.
        self._sum = loss if self._sum is None else self._sum + loss
        self._count += 1
        if self._count == self._stride:
            self._mean.append(self._sum if self._stride == 1 else self._sum / self._stride)
            self._sum, self._count = None, 0
            if len(self._mean) == _KEPT:
                self._halve()

    def score(self, scores: dict[str, Tensor]) -> None:
        """Take in scores of this step: `train`, `valid`, `train_loss`, `valid_loss`."""
        if self._scores and self._scores[-1][0] == self.taken:
            self._scores[-1][1].update(scores)
        else:
            self._scores.append((self.taken, scores))
        if len(self._scores) > _KEPT:
            self._scores = [*self._scores[:-1:2], self._scores[-1]]

    def _halve(self) -> None:
        self._first = self._first[::2]
        self._mean = [(one + other) / 2 for one, other in zip(self._mean[::2], self._mean[1::2], strict=True)]
        self._stride *= 2

    def curves(self, planned: int | None) -> Curves | None:
        """The training so far; None before the first loss. It waits for the device once.

        Of samples that nobody scored nothing is known: `valid_loss` is NaN, the scores are None, and `train_loss` is
        the mean loss of the batches since the point before, as `train_running` is.

        Args:
            planned: Steps of the whole training; None takes those so far for all.
        """
        if not self.taken:
            return None
        rest = [] if self._sum is None else [self._sum / self._count]
        first, mean = _numbers(self._first), _numbers([*self._mean, *rest])
        broken = next((place for place, value in enumerate(mean) if not math.isfinite(value)), None)
        taken = self.taken
        if broken is not None:
            first, mean = first[: broken + 1], mean[: broken + 1]
            taken = min(taken, broken * self._stride + 1)
        scores = [(step, {name: float(value) for name, value in found.items()}) for step, found in self._scores]
        points = self._points([step for step, _ in scores if 0 < step < taken], taken)
        running = [first[0], *[self._between(mean, low, high) for low, high in itertools.pairwise(points)]]
        at = dict(scores)
        losses = {
            name: tuple(at.get(step, {}).get(name, other) for step, other in zip(points, fallback, strict=True))
            for name, fallback in (("train_loss", running), ("valid_loss", [math.nan] * len(points)))
        }
        known = {name: tuple(at.get(step, {}).get(name) for step in points) for name in ("train", "valid")}
        planned = max(taken, planned or taken)
        stride = max(1, math.ceil(len(first) / _SHOWN))
        return Curves(
            planned=planned,
            taken=taken,
            losses=tuple(first[::stride]),
            steps=tuple(points),
            train_score=known["train"],
            valid_score=known["valid"],
            train_running=tuple(running),
            end=_end(scores, "valid", planned),
            train_end=_end(scores, "train", planned),
            broke=None if broken is None else taken,
            **losses,
        )

    def _points(self, scored: list[int], taken: int) -> list[int]:
        """Steps at which curves are given: where there were scores, or evenly; the first is 0, the last `taken`."""
        inner = scored or [round(taken * part / _POINTS) for part in range(1, _POINTS)]
        if len(inner) > _POINTS - 2:
            inner = [inner[round(place * (len(inner) - 1) / (_POINTS - 3))] for place in range(_POINTS - 2)]
        return sorted({0, *inner, taken})

    def _between(self, mean: list[float], low: int, high: int) -> float:
        """Mean loss of the steps after `low` up to `high`, as exactly as the entries tell."""
        start = min(low // self._stride, len(mean) - 1)
        values = mean[start : max(start + 1, math.ceil(high / self._stride))]
        return sum(values) / len(values)


def _numbers(values: list[Tensor]) -> list[float]:
    return torch.stack([value.float() for value in values]).tolist() if values else []


def _end(scores: list[tuple[int, dict[str, float]]], name: str, planned: int) -> float | None:
    known = [(step, found[name]) for step, found in scores if math.isfinite(found.get(name, math.nan))]
    late = [value for step, value in known if step > 0.8 * planned] or [value for _, value in known[-1:]]
    return sum(late) / len(late) if late else None
