"""The samples on which a run is wrong, the worst first."""

from typing import Any

import numpy as np

from trainwell.method.evaluation.sample import Sample


def mistaken(predicted: np.ndarray, sample: Sample, classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """What went wrong, sample by sample: wrong classes, the least probable truth first; or values, by their error.

    Args:
        predicted: Probabilities, (n, C), or values, (n, K).
        sample: The samples.
        classes: Names of the C classes; empty in regression.

    Returns:
        Each with `file` (or the row, where samples are no files), `row` in the data as it was read, and `true` and
        `said`. In classification `probability` of what was said and `probability_of_true` too, and only of what is
        wrong; in regression every sample with its `error`, the largest of its columns.
    """
    if classes:
        said, target = predicted.argmax(1), sample.target
        truth = predicted[np.arange(len(target)), target]
        wrong = np.flatnonzero(said != target)
        return [
            {
                "file": sample.name(place),
                "row": int(sample.rows[place]),
                "true": classes[target[place]],
                "said": classes[said[place]],
                "probability": float(predicted[place, said[place]]),
                "probability_of_true": float(truth[place]),
            }
            for place in wrong[np.argsort(truth[wrong], kind="stable")].tolist()
        ]
    errors = np.abs(predicted - sample.target).max(1)
    return [
        {
            "file": sample.name(place),
            "row": int(sample.rows[place]),
            "true": _plain(sample.target[place]),
            "said": _plain(predicted[place]),
            "error": float(errors[place]),
        }
        for place in np.argsort(-errors, kind="stable").tolist()
    ]


def _plain(values: np.ndarray) -> float | list[float]:
    return float(values[0]) if len(values) == 1 else [float(value) for value in values]
