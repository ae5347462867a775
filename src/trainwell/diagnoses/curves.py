"""Reading the curves at the end of a run: did it learn, does it overfit, was it still rising?"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from trainwell.diagnoses import Finding

_LEAST_GAIN = 3.0  # standard errors above always answering the same
# Share of what lies above that which is never called unlearnt, however few samples there are. Of a rare class there are
# always few: three errors of its recall would be asked of runs that have found it.
_ENOUGH = {"balanced_accuracy": 0.25}
_GAP_ACCURACY, _GAP_R2 = 0.10, 0.25
_RISING_SHARE = 0.2  # of the epochs, at the end
_RISING_GAIN = 0.01
_SCRATCH = {
    "no-learning": "The network has not learnt from its inputs. Look at inputs.png and at the failed checks first; "
    "then the rate (optimizer.lr), the preprocessing and the labels.",
    "overfitting": "Regularise: more data, augment=flip,crop,mixup, dropout, more weight decay, or a smaller model.",
}
# What to do goes by what there is to set: a transfer takes its network as it is, and a head alone sees features.
_ADVICE = {
    "head": {
        "no-learning": "The features of this source say nothing of these answers. Look at inputs.png and at the "
        "labels first; then let the network learn too (transfer=gradual), or take another source.",
        "overfitting": "More data is what helps: a head has little to regularise, and the weight decays of the grid "
        "were tried. Of images, try feature_copies=4 with augment=flip,crop.",
    },
    "gradual": {
        "overfitting": "Regularise: more data, augment=flip,crop,mixup, more weight decay; or leave more of the "
        "network as it is: freeze=, layer_decay=0.8, or transfer=head.",
    },
}
_ADVICE["full"] = _ADVICE["gradual"]


def read_curves(
    lines: Sequence[Mapping[str, Any]],
    *,
    baseline: float,
    samples: int,
    stopped_early: bool,
    transfer: str | None = None,
    folds: tuple[float, int] | None = None,
) -> list[Finding]:
    """Findings from the epoch lines of a record.

    Args:
        lines: Epoch lines, in order.
        baseline: Score of always giving the same class, or 0 for R2.
        samples: Samples behind a validation score; of balanced accuracy so many as know it as well.
        stopped_early: Whether patience ended the run.
        transfer: What was trained of a network that came with weights; None from scratch.
        folds: Score on training samples that were held out in turn, and their number: whether anything was learnt is
            then asked of these too.
    """
    if not lines:
        return []
    advice = _SCRATCH | _ADVICE.get(transfer or "", {})
    name = score_of(lines)
    shown = name.replace("_", " ")
    split = "valid" if f"valid_{name}" in lines[-1] else "train"
    scores = [_number(line[f"{split}_{name}"]) for line in lines]
    best = max(scores)
    kept = lines[scores.index(best)]
    of_folds, asked = (0.0, 0) if folds is None else folds
    known = (best * samples + of_folds * asked) / max(1, samples + asked)
    error = math.sqrt(max(baseline * (1 - baseline), 1e-12) / max(1, samples + asked)) if name != "r2" else 0.02
    evidence = {"score": best, "baseline": baseline, "samples": samples}
    evidence |= {} if folds is None else {"folds_score": of_folds, "folds_samples": asked}
    enough = (1 - baseline) * _ENOUGH.get(name, 0.5)
    if known < baseline + min(_LEAST_GAIN * error, enough):
        learnt = max(_number(line[f"train_{name}"]) for line in lines)
        if split == "valid" and _LEAST_GAIN * error > enough and learnt >= baseline + enough:
            return [
                Finding(
                    "few-validation-samples",
                    "warning",
                    f"The best valid {shown} is {best:.4f} of {samples} samples, and always giving the same answer "
                    f"reaches {baseline:.4f}: too few to tell whether what was learnt (training {shown} {learnt:.4f}) "
                    "holds for others.",
                    "Gather more samples, or hold more of them out: valid_fraction=0.3.",
                    evidence | {"train_score": learnt},
                )
            ]
        return [
            Finding(
                "no-learning",
                "error",
                f"The best {split} {shown} is {best:.4f}; always giving the same answer reaches {baseline:.4f}.",
                advice["no-learning"],
                evidence,
            )
        ]
    findings = []
    if split == "valid":
        gap = _number(kept[f"train_{name}"]) - best
        if gap > (_GAP_ACCURACY if name != "r2" else _GAP_R2):
            findings.append(
                Finding(
                    "overfitting",
                    "warning",
                    f"Training {shown} {kept[f'train_{name}']:.4f} against validation {best:.4f}: a gap of {gap:.3f}.",
                    advice["overfitting"],
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
                f"The {split} {shown} rose by {gain:.3f} over the last fifth of the run, at a rate not yet lowered.",
                "Train longer: more epochs, or a schedule that lowers the rate.",
                evidence | {"gain": gain},
            )
        )
    return findings


def score_of(lines: Sequence[Mapping[str, Any]]) -> str:
    """The score by which a run is read: balanced accuracy where it went by that, else accuracy or R2."""
    return next(name for name in ("balanced_accuracy", "accuracy", "r2") if f"train_{name}" in lines[-1])


def _number(value: float | None) -> float:
    return -math.inf if value is None else value
