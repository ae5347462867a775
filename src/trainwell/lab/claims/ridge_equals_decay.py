"""Gradient descent with a penalty, and the solution in closed form."""

from collections.abc import Sequence
from typing import Any

import torch
from sklearn.linear_model import Lasso
from torch import Tensor, nn

from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import claims
from trainwell.lab.training import built_in
from trainwell.losses import losses
from trainwell.optimizers import optimizers
from trainwell.penalties import penalties
from trainwell.preprocessing import preprocessing
from trainwell.report.charts.bars import Bar, bars

_LAMBDAS = (1.0, 10.0, 100.0)
_STRENGTH = 0.15  # of the L1 penalty, on targets of variance 1
_STEPS = 20_000
_RATE_L1 = 5e-3
_SAME, _SMALL = 1e-6, 0.01


@claims.add
class RidgeEqualsDecay(Claim):
    """Weights at the end of a descent, beside those of the closed form."""

    id = "ridge-equals-decay"
    chapter = "regularisation"
    statement = (
        "Gradient descent with an L2 penalty ends at the ridge solution, (X'X + lambda I)^-1 X'y; with an L1 penalty "
        "it ends at weights of which many are zero."
    )
    why = "The gradient of the penalised loss is 0 there and nowhere else. The L1 penalty pulls until a weight is 0."
    question = "How far is the end of the descent from the closed form, and how many weights are zero?"
    set_up = (
        "Diabetes, 10 standardised features, a linear model, full batches in float64. L2 as the optimizer's weight "
        "decay, 2 lambda / N on the mean squared error, lambda 1, 10 and 100; L1 of strength 0.15 as a penalty, beside "
        "scikit-learn's Lasso, which thresholds."
    )
    mark = (
        "Holds if every L2 descent ends within 1e-6 of the closed form, relative to it, and the L1 descent has exact "
        "zeros where Lasso has them. In part if one of the two. Else it does not hold."
    )
    source = "CS231n, Neural Networks Part 2 (regularization); Tibshirani, 1996"
    num_seeds = (0, 0)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Descents, and the closed forms."""
        del seeds  # nothing is drawn
        data = built_in("diabetes")
        rows = data.splits["train"]
        x = preprocessing.build("standardize", data.x, rows).apply(torch.from_numpy(data.x[rows])).double()
        y = torch.from_numpy(data.y[rows]).double()
        y = (y - y.mean()) / y.std(correction=0)
        steps = _STEPS // 4 if quick else _STEPS
        distances, ridge = [], {}
        for strength in _LAMBDAS:
            exact = torch.linalg.solve(x.T @ x + strength * torch.eye(x.shape[1], dtype=x.dtype), x.T @ y)
            reached = _descent(x, y, steps, decay=2 * strength / len(x))
            distances.append(float((reached - exact).norm() / exact.norm()))
            ridge[f"{strength:g}"] = {"closed form": exact, "descent": reached}
        lasso = torch.from_numpy(Lasso(alpha=_STRENGTH / 2, fit_intercept=False, tol=1e-10).fit(x, y).coef_)
        sparse = _descent(x, y, steps, strength=_STRENGTH)
        small = _SMALL * float(sparse.abs().max())
        return {
            "distances": distances,
            "ridge": ridge,
            "lasso": lasso,
            "descent": sparse,
            "lasso_zeros": int((lasso == 0).sum()),
            "exact_zeros": int((sparse == 0).sum()),
            "small": int((sparse.abs() < small).sum()),
        }

    def judge(self, numbers: Numbers) -> Verdict:
        """By the distances and the zeros."""
        wanted, exact = numbers["lasso_zeros"], numbers["exact_zeros"]
        where = (
            f"L2 ends within {max(numbers['distances']):.1e} of the closed form. Of {wanted} weights that Lasso puts "
            f"at 0, the L1 descent has {exact} at exactly 0, and {numbers['small']} of its weights are under 1 % of "
            "the largest: they jump about 0, and only a threshold puts them there."
        )
        return by_parts([max(numbers["distances"]) <= _SAME, wanted > 0 and exact >= wanted], where)

    def figure(self, numbers: Numbers) -> str:
        """The weights under L1, beside Lasso's."""
        rows = [
            bar
            for place, (exact, reached) in enumerate(zip(numbers["lasso"], numbers["descent"], strict=True), start=1)
            for bar in (Bar(f"weight {place}, Lasso", exact), Bar("descent", reached, colour=2))
        ]
        return bars(
            "Weights under an L1 penalty: with a threshold and by descent",
            "Where Lasso has exact zeros, gradient descent has small numbers.",
            rows,
            x_label="weight",
        )


def _descent(x: Tensor, y: Tensor, steps: int, *, decay: float = 0.0, strength: float = 0.0) -> Tensor:
    """Weights of a linear model behind so many steps on the whole of the data."""
    model = nn.Linear(x.shape[1], 1, bias=False, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    lr, momentum = (_RATE_L1, 0.0) if strength else (0.05, 0.9)  # small, since the weights jump about 0 by the rate
    part = optimizers.part("sgd", lr=lr, momentum=momentum, nesterov=False, weight_decay=decay)
    optimizer = optimizers.build(part, list(model.parameters()))
    loss, penalty = losses.bind("mse"), penalties.bind({"name": "l1", "strength": strength})
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(model(x), y[:, None])
        (value + penalty(model) if strength else value).backward()
        optimizer.step()
    return model.weight.detach()[0]
