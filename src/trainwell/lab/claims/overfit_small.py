"""Twenty samples by heart."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trainwell.activations import activations
from trainwell.data.dataset import Data
from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.networks import stack
from trainwell.lab.training import built_in, course, plain_recipe
from trainwell.report.charts.bars import Bar, bars
from trainwell.report.charts.scale import short_text

_SAMPLES, _STEPS = 20, 300
_RATES = (3e-3, 3e-2)
_ZERO, _FAR = 0.01, 0.1
_SHOWN = 1e-6  # losses below it have the same bar
_HEALTHY: dict[str, dict[str, Any]] = {
    "ReLU, He": {},
    "tanh, Xavier": {"activation": "tanh", "rule": "xavier_normal"},
    "ReLU, 5 layers": {"depth": 5},
    "linear": {"depth": 0},
}
_BROKEN: dict[str, dict[str, Any]] = {
    "zero weights": {"rule": "zeros"},
    "10 tanh layers, std 0.01": {"activation": "tanh", "rule": "small_gaussian", "depth": 10},
    "10 tanh layers, std 1": {"activation": "tanh", "rule": "large_gaussian", "depth": 10},
    "all inputs 0": {"blank": True},
    "softmax before the loss": {"softmax": True},
    "all but biases frozen": {"frozen": True},
    "a rate of 1e-7": {"rate": 1e-7},
}


@claims.add
class OverfitSmall(Claim):
    """The loss on twenty samples after three hundred steps."""

    id = "overfit-small"
    chapter = "method"
    statement = "A healthy net drives the loss on 20 samples to zero; a broken one does not."
    why = "It has more weights than it needs for 20 samples; where it still fails, the gradients do not do their work."
    question = "Which of several healthy and broken nets get there?"
    set_up = (
        "20 digits, whole batches, 300 steps of Adam at the better of the rates 3e-3 and 3e-2, no regularisation: four "
        "healthy nets and seven broken ones, and one healthy net on shuffled labels."
    )
    mark = (
        "Holds if every healthy net ends under 0.01 and every broken one over 0.1, on all seeds. In part if all "
        "healthy ones do and most of the broken ones. Else it does not hold. Shuffled labels are shown beside it: what "
        "is broken is then no net."
    )
    source = "CS231n, Neural Networks Part 3 (sanity checks); Karpathy, A Recipe for Training Neural Networks, 2019"
    num_seeds = (2, 1)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Trainings on twenty samples."""
        del quick  # fewer seeds
        found = {name: [_better(seed, **how) for seed in seeds] for name, how in (_HEALTHY | _BROKEN).items()}
        return {"losses": found, "shuffled": [_better(seed, shuffled=True) for seed in seeds]}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the losses at the end."""
        worst = {name: max(numbers["losses"][name]) for name in _HEALTHY}
        best = {name: min(numbers["losses"][name]) for name in _BROKEN}
        missed = [name for name, value in best.items() if value <= _FAR]
        where = (
            f"Healthy nets end at {max(worst.values()):.1e} or less, broken ones at {min(best.values()):.2g} or more. "
            f"A net on shuffled labels ends at {max(numbers['shuffled']):.1e}: this test does not see wrong labels."
        )
        if missed:
            where += f" It passes in spite of: {', '.join(missed)}."
        healthy = all(value < _ZERO for value in worst.values())
        if healthy and not missed:
            return Verdict("holds", where)
        most = len(missed) < len(_BROKEN) / 2
        return Verdict("holds in part" if healthy and most else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """The losses at the end."""
        rows = [
            Bar(name, max(mean, _SHOWN), None, short_text(mean), 1 if name in _HEALTHY else 2 if name in _BROKEN else 3)
            for name, values in (numbers["losses"] | {"healthy, shuffled labels": numbers["shuffled"]}).items()
            for mean in [sum(values) / len(values)]
        ]
        return bars(
            "The loss on 20 samples after 300 steps",
            "Healthy nets, in the first colour, end near 0; broken ones, in the second, do not.",
            rows,
            x_label="training loss",
            log=True,
        )


def _twenty(shuffled: bool, blank: bool) -> Data:
    data = built_in("digits")
    rows = data.splits["train"][:_SAMPLES]
    y, x = data.y.copy(), data.x
    if shuffled:
        y[rows] = y[rows[::-1]]
    if blank:
        x = x * 0
    return replace(data, x=x, y=y, splits={"train": rows})


def _better(seed: int, *, rate: float | None = None, **how: Any) -> float:
    """Loss at the end, at the better of the rates where none is given."""
    return min(_loss(seed, rate=each, **how) for each in (_RATES if rate is None else (rate,)))


def _loss(
    seed: int,
    *,
    rate: float,
    activation: str = "relu",
    rule: str = "he_normal",
    depth: int = 2,
    blank: bool = False,
    softmax: bool = False,
    frozen: bool = False,
    shuffled: bool = False,
) -> float:
    """Loss on the samples at the end of the training."""
    model = stack(activation, rule, (64, *(100,) * depth), seed=seed, head=10)
    if softmax:
        model.append(activations.build("softmax"))
    if frozen:
        for parameter in model.parameters():
            parameter.requires_grad_(parameter.ndim < 2)
    recipe = plain_recipe(
        optimizer={"name": "adam", "lr": rate},
        batch_size=_SAMPLES,
        epochs=_STEPS,
        preprocess="none" if blank else "standardize",
        seed=seed,
    )
    found = course(_twenty(shuffled, blank), recipe, model)
    return float("inf") if found.diverged else found.losses[-1]
