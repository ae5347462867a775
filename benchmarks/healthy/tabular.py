"""Small tables: regression, binary and multi-label heads, imbalance, noise floors, extreme batch sizes."""

import numpy as np
import torch
from sklearn.datasets import (
    load_breast_cancer,
    load_iris,
    load_wine,
    make_blobs,
    make_classification,
    make_friedman1,
    make_multilabel_classification,
    make_regression,
)
from torch import Tensor, nn
from torch.nn import functional as F

from healthy.program import Program, accuracy, binary_accuracy, program, r2
from healthy.sources import loaded, table


@program
def tiny_batches(rate: float, length: int) -> Program:
    """Iris in batches of 2: a loss that jumps from step to step and still falls."""
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05 * rate)
    return Program(model, F.cross_entropy, optimizer, *loaded(load_iris), 2, 16 * length, "classification", accuracy)


@program
def full_batch(rate: float, length: int) -> Program:
    """Wine as one batch, with momentum: one step an epoch."""
    model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * rate, momentum=0.9)
    return Program(model, F.cross_entropy, optimizer, *loaded(load_wine), 256, 150 * length, "classification", accuracy)


@program
def sigmoid_head(rate: float, length: int) -> Program:
    """One logit and binary cross entropy on tumours."""
    train, valid = loaded(load_breast_cancer)
    train.y, valid.y = train.y.float()[:, None], valid.y.float()[:, None]
    model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3 * rate)
    loss = nn.BCEWithLogitsLoss()
    return Program(model, loss, optimizer, train, valid, 16, 8 * length, "classification", binary_accuracy)


@program
def multi_label(rate: float, length: int) -> Program:
    """Five questions with yes or no at once."""
    x, y = make_multilabel_classification(2000, 20, n_classes=5, n_labels=2, random_state=0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3 * rate)
    parts = table(x, y.astype(np.float32))
    loss = nn.BCEWithLogitsLoss()
    return Program(model, loss, optimizer, *parts, 32, 8 * length, "classification", binary_accuracy)


def focal(output: Tensor, y: Tensor) -> Tensor:
    """Cross entropy with the easy rows turned down by (1 - p)^2 (Lin et al., 2017): output (N, K), y (N,)."""
    each = F.cross_entropy(output, y, reduction="none")
    return ((1 - torch.exp(-each)) ** 2 * each).mean()


@program
def imbalance_focal(rate: float, length: int) -> Program:
    """One row in seven of the rare class, with the focal loss."""
    x, y = make_classification(
        2000, 12, n_informative=8, n_redundant=0, weights=[0.85], class_sep=2.0, flip_y=0.0, random_state=0
    )
    model = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3 * rate)
    return Program(model, focal, optimizer, *table(x, y), 32, 12 * length, "classification", accuracy)


@program
def label_noise(rate: float, length: int) -> Program:
    """A fifth of the labels drawn anew among four classes: 0.85 is the most that can be had."""
    x, y = make_blobs(2000, centers=4, n_features=8, cluster_std=2.0, random_state=0)
    draws = np.random.default_rng(0)
    y = np.where(draws.random(len(y)) < 0.2, draws.integers(4, size=len(y)), y)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05 * rate, momentum=0.9)
    return Program(model, F.cross_entropy, optimizer, *table(x, y), 64, 10 * length, "classification", accuracy)


@program
def friedman_gelu(rate: float, length: int) -> Program:
    """A smooth function of five columns among ten, GELU, AdamW and a cosine."""
    x, y = make_friedman1(2000, noise=1.0, random_state=0)
    model = nn.Sequential(nn.Linear(10, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3 * rate, weight_decay=0.01)
    made = Program(model, F.mse_loss, optimizer, *table(x, y), 64, 15 * length, "regression", r2)
    made.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, made.steps)
    return made


@program
def tanh_regression(rate: float, length: int) -> Program:
    """Tanh layers and an open output on a linear target with noise."""
    x, y = make_regression(1500, 10, n_informative=6, noise=30.0, random_state=0)
    model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3 * rate)
    return Program(model, nn.HuberLoss(), optimizer, *table(x, y), 32, 12 * length, "regression", r2)
