"""Whitened data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainwell.lab.claim import Claim, Numbers, Verdict
from trainwell.lab.claims import claims
from trainwell.lab.training import built_in
from trainwell.preprocessing import preprocessing
from trainwell.report.charts.heat_map import heat_map

_SETS = ("digits", "wine", "breast-cancer", "iris")
_WAYS: dict[str, dict[str, Any]] = {
    "pca": {"name": "pca"},
    "whiten_pca": {"name": "whiten_pca", "eps": 0.0},
    "whiten_zca": {"name": "whiten_zca", "eps": 0.0},
}
_EXACT = 1e-2


@claims.add
class Whitening(Claim):
    """Covariances behind PCA and whitening."""

    id = "whitening"
    chapter = "data"
    statement = "PCA makes the covariance of the data diagonal, whitening makes it the identity."
    why = "The axes are the eigenvectors of the covariance; whitening divides by the roots of its eigenvalues."
    question = "What is the covariance of the training rows behind each of them?"
    set_up = (
        "digits (64 pixels as columns), wine, breast-cancer and iris, fitted on the training rows, with nothing added "
        "to the variances: the largest deviation of the covariance from a diagonal one (PCA, over its largest number), "
        "from the identity (whitening)."
    )
    mark = (
        "Holds if all deviations are under 0.01 on all data sets. In part if PCA's are, and whitening's are on the "
        "directions that vary. Else it does not hold."
    )
    source = "CS231n, Neural Networks Part 2 (data preprocessing)"
    num_seeds = (0, 0)

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        """Covariances of each data set, each way."""
        del quick, seeds  # nothing is drawn, and it takes a second
        found: dict[str, dict[str, Any]] = {}
        for name in _SETS:
            data = built_in(name)
            table = data.x.reshape(len(data.x), -1).astype(np.float32)
            rows = data.splits["train"]
            found[name] = {"columns": table.shape[1]}
            for way, part in _WAYS.items():
                fitted = preprocessing.build(part, table, rows)
                covariance = torch.cov(fitted.apply(torch.from_numpy(table[rows])).double().T, correction=0)
                found[name][way] = _deviation(covariance, diagonal=way == "pca")
                found[name][f"{way}, kept"] = _kept(covariance, diagonal=way == "pca")
        return {"deviations": found}

    def judge(self, numbers: Numbers) -> Verdict:
        """By the deviations."""
        found = numbers["deviations"]
        diagonal = [row["pca"] < _EXACT for row in found.values()]
        whole = [row[way] < _EXACT for row in found.values() for way in ("whiten_pca", "whiten_zca")]
        kept = [row[f"{way}, kept"] < _EXACT for row in found.values() for way in ("whiten_pca", "whiten_zca")]
        worst = [
            f"{name}: {row['pca']:.1e}, {row['whiten_pca']:.1e}, {row['whiten_zca']:.1e}" for name, row in found.items()
        ]
        where = f"Deviations for PCA, PCA whitening and ZCA whitening: {'; '.join(worst)}."
        if all(kept) and not all(whole):
            where += " Where columns do not vary, ZCA gives the identity on the others alone."
        if all(diagonal) and all(whole):
            return Verdict("holds", where)
        return Verdict("holds in part" if all(diagonal) and all(kept) else "does not hold here", where)

    def figure(self, numbers: Numbers) -> str:
        """The deviations as a table."""
        found = numbers["deviations"]
        return heat_map(
            "How far the covariance is from what it should be",
            "Nearly 0 everywhere but where columns do not vary.",
            [[row[way] for way in _WAYS] for row in found.values()],
            rows=list(found),
            columns=["PCA", "whitened, PCA", "whitened, ZCA"],
            x_label="largest deviation",
            y_label="data",
            span=(0.0, 1.0),
        )


def _deviation(covariance: Tensor, *, diagonal: bool) -> float:
    """Largest deviation from a diagonal matrix, over its largest number, or from the identity."""
    if diagonal:
        return float((covariance - covariance.diagonal().diag()).abs().max() / covariance.abs().max())
    return float((covariance - torch.eye(len(covariance), dtype=covariance.dtype)).abs().max())


def _kept(covariance: Tensor, *, diagonal: bool) -> float:
    """The same on the directions that vary: for whitening, how far their variances are from 1."""
    if diagonal:
        return _deviation(covariance, diagonal=True)
    variances = torch.linalg.eigvalsh(covariance)
    return float((variances[variances > 0.5] - 1).abs().max())
