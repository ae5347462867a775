"""What a model says of new samples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from trainwell.data.dataset import Quarantined
from trainwell.errors import BadValue


class Origin(NamedTuple):
    """Where a sample comes from.

    Args:
        file: Its path; None for what came from memory.
        row: Its place in a table or array, from 1 in a file and from 0 in memory; None where the file is the sample.
    """

    file: str | None
    row: int | None

    def __str__(self) -> str:
        if self.row is None:
            return str(self.file)
        return str(self.row) if self.file is None else f"{self.file}:{self.row}"


@dataclass(frozen=True)
class Prediction:
    """What a model says of one sample.

    Args:
        name: File, `file:row`, or number of the sample.
        label: Name of the most probable class; None in regression.
        probability: Its probability; None in regression.
        value: Predicted value, or a tuple of several; None in classification.
    """

    name: str
    label: str | None = None
    probability: float | None = None
    value: float | tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of n samples, in the order in which they came.

    Args:
        origins: Where each comes from, n of them.
        classes: Names of the C classes; empty in regression.
        answers: Probabilities, float64 (n, C), or values in the units of the target, float64 (n,) or (n, K).
        broken: Files that could not be read, with the reason.
        notes: What was converted or passed over, in words.
    """

    origins: tuple[Origin, ...]
    classes: tuple[str, ...]
    answers: np.ndarray
    broken: tuple[Quarantined, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def joined(cls, parts: Sequence["Predictions"]) -> "Predictions":
        """One of several of the same model, at least one."""
        return cls(
            tuple(origin for part in parts for origin in part.origins),
            parts[0].classes,
            np.concatenate([part.answers for part in parts]),
            tuple(broken for part in parts for broken in part.broken),
            tuple(note for part in parts for note in part.notes),
        )

    def __len__(self) -> int:
        return len(self.origins)

    def __iter__(self) -> Iterator[Prediction]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int) -> Prediction:
        name, answer = str(self.origins[row]), self.answers[row]
        if not self.classes:
            return Prediction(name, value=float(answer) if answer.ndim == 0 else tuple(answer.tolist()))
        best = int(answer.argmax())
        return Prediction(name, self.classes[best], float(answer[best]))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each sample: its file, `file:row`, or its number."""
        return tuple(map(str, self.origins))

    @property
    def labels(self) -> tuple[str, ...]:
        """Most probable class of each sample; empty in regression."""
        return tuple(self.classes[k] for k in self.answers.argmax(1)) if self.classes else ()

    @property
    def probabilities(self) -> np.ndarray:
        """Of each class in the order of `classes`, (n, C).

        Raises:
            BadValue: The model predicts values.
        """
        if not self.classes:
            raise BadValue("The model predicts values, not classes: there are no probabilities. Take .values.")
        return self.answers

    @property
    def values(self) -> np.ndarray:
        """In the units of the target, (n,) or (n, K).

        Raises:
            BadValue: The model predicts classes.
        """
        if self.classes:
            raise BadValue("The model predicts classes, not values. Take .probabilities or .labels.")
        return self.answers

    def top(self, k: int) -> list[list[tuple[str, float]]]:
        """The k most probable classes of each sample with their probabilities, the first first.

        Raises:
            BadValue: The model predicts values, or has fewer classes.
        """
        check_top(k, self.classes)
        order = np.argsort(-self.answers, axis=1, kind="stable")[:, :k]
        return [
            [(self.classes[c], float(answer[c])) for c in best]
            for best, answer in zip(order, self.answers, strict=True)
        ]

    def rows(self, top: int | None = None) -> Iterator[dict[str, Any]]:
        """Each sample as plain JSON: `file` and `row` where it has them, then `class`, `probability` and
        `probabilities` by class (or the `top` of them), or `value`."""
        best = self.top(top) if top is not None else [[]] * len(self)
        for origin, said, answer, first in zip(self.origins, self, self.answers, best, strict=True):
            found: dict[str, Any] = {name: place for name, place in origin._asdict().items() if place is not None}
            if not self.classes:
                yield found | {"value": answer.tolist()}
                continue
            found |= {"class": said.label, "probability": said.probability}
            if top is None:
                found["probabilities"] = dict(zip(self.classes, answer.tolist(), strict=True))
            else:
                found["top"] = [{"class": name, "probability": probability} for name, probability in first]
            yield found

    def json(self, top: int | None = None) -> dict[str, Any]:
        """All of it as plain data; see `rows`."""
        return {
            "classes": list(self.classes),
            "predictions": list(self.rows(top)),
            "broken": [{"file": q.path, "reason": q.reason} for q in self.broken],
            "notes": list(self.notes),
        }


def check_top(top: int, classes: Sequence[str]) -> int:
    """The number of classes to show, refused where it is out of range."""
    if not classes:
        raise BadValue(f"top={top} has no effect: the model predicts values, not classes. Leave it out.")
    if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= len(classes):
        raise BadValue(f"top={top}: the model knows {len(classes)} classes. Expected 1 to {len(classes)}.")
    return top
