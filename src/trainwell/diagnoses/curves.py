"""Reading the curves at the end of a run: did it learn, does it overfit, was it still rising?"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainwell.diagnoses import Finding

_LEAST_GAIN = 3.0  # standard errors above always answering the same
_GAP_ACCURACY, _GAP_R2 = 0.10, 0.25
_RISING_SHARE = 0.2  # of the epochs, at the end
_RISING_GAIN = 0.01


def read_curves(
    lines: Sequence[Mapping[str, Any]], *, baseline: float, samples: int, stopped_early: bool
) -> list[Finding]:
    """Findings from the epoch lines of a record.

    Args:
        lines: Epoch lines, in order.
        baseline: Score of always giving the commonest class, or 0 for R2.
        samples: Samples behind a validation score.
        stopped_early: Whether patience ended the run.
    """
    if not lines:
        return []
    name = "accuracy" if "train_accuracy" in lines[-1] else "r2"
    split = "valid" if f"valid_{name}" in lines[-1] else "train"
    scores = [_number(line[f"{split}_{name}"]) for line in lines]
    best = max(scores)
    kept = lines[scores.index(best)]
    error = math.sqrt(max(baseline * (1 - baseline), 1e-12) / max(1, samples)) if name == "accuracy" else 0.02
    evidence = {"score": best, "baseline": baseline, "samples": samples}
    if best < baseline + min(_LEAST_GAIN * error, (1 - baseline) / 2):
        return [
            Finding(
                "no-learning",
                "error",
                f"The best {split} {name} is {best:.4f}; always giving the same answer reaches {baseline:.4f}.",
                "The network has not learnt from its inputs. Look at inputs.png and at the failed checks first; then "
                "the rate (optimizer.lr), the preprocessing and the labels.",
                evidence,
            )
        ]
    findings = []
    if split == "valid":
        gap = _number(kept[f"train_{name}"]) - best
        if gap > (_GAP_ACCURACY if name == "accuracy" else _GAP_R2):
            findings.append(
                Finding(
                    "overfitting",
                    "warning",
                    f"Training {name} {kept[f'train_{name}']:.4f} against validation {best:.4f}: a gap of {gap:.3f}.",
                    "Regularise: more data, augment=flip,crop,mixup, dropout, more weight decay, or a smaller model.",
                    evidence | {"gap": gap},
                )
            )
    first = math.floor(len(scores) * (1 - _RISING_SHARE))
    gain = best - max(scores[:first], default=-math.inf)
    if (
        len(scores) >= 5
        and not stopped_early
        and math.isfinite(gain)
        and gain > _RISING_GAIN
        and lines[-1]["lr"] > 0.5 * max(line["lr"] for line in lines)
    ):
        findings.append(
            Finding(
                "still-rising",
                "note",
                f"The {split} {name} rose by {gain:.3f} over the last fifth of the run, at a rate not yet lowered.",
                "Train longer: more epochs, or a schedule that lowers the rate.",
                evidence | {"gain": gain},
            )
        )
    return findings


def _number(value: float | None) -> float:
    return -math.inf if value is None else value
