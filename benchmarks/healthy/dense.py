"""Fully connected classifiers on digits: activations, normalisation, regularisation, losses."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from healthy.program import Program, accuracy, program
from healthy.sources import digits


@program
def layernorm_mlp(rate: float, length: int) -> Program:
    """LayerNorm before each GELU, AdamW with decay on the matrices alone."""
    model = nn.Sequential(
        nn.Linear(64, 96),
        nn.LayerNorm(96),
        nn.GELU(),
        nn.Linear(96, 96),
        nn.LayerNorm(96),
        nn.GELU(),
        nn.Linear(96, 10),
    )
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=2e-3 * rate)
    return Program(model, F.cross_entropy, optimizer, *digits(), 32, 10 * length, "classification", accuracy)


@program
def sparse_relu(rate: float, length: int) -> Program:
    """Batch norm shifted below zero: most activations are 0 on most rows, yet every unit fires on some."""
    model = nn.Sequential(nn.Linear(64, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, 10))
    nn.init.constant_(model[1].bias, -1.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3 * rate)
    return Program(model, F.cross_entropy, optimizer, *digits(), 32, 8 * length, "classification", accuracy)


@program
def dropout_mlp(rate: float, length: int) -> Program:
    """Half of a wide layer dropped: the training metric stays below the validation metric."""
    model = nn.Sequential(
        nn.Dropout(0.1), nn.Linear(64, 192), nn.ReLU(), nn.Dropout(0.5), nn.Linear(192, 96), nn.ReLU(), nn.Dropout(0.3),
        nn.Linear(96, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3 * rate)
    return Program(model, F.cross_entropy, optimizer, *digits(), 32, 18 * length, "classification", accuracy)


@program
def selu_by_contract(rate: float, length: int) -> Program:
    """SELU with what it asks for: LeCun normal weights, centred inputs of unit variance, alpha dropout."""
    model = nn.Sequential(
        nn.Linear(64, 64), nn.SELU(), nn.Linear(64, 64), nn.SELU(), nn.Linear(64, 64), nn.SELU(), nn.AlphaDropout(0.05),
        nn.Linear(64, 10),
    )  # fmt: skip
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            nn.init.zeros_(layer.bias)
    train, valid = digits()
    mean, std = train.x.mean(), train.x.std()
    train.x, valid.x = (train.x - mean) / std, (valid.x - mean) / std
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02 * rate, momentum=0.9)
    return Program(model, F.cross_entropy, optimizer, train, valid, 32, 10 * length, "classification", accuracy)


@program
def label_smoothing(rate: float, length: int) -> Program:
    """Smoothed labels: the loss stays well above 0 by design."""
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    loss = nn.CrossEntropyLoss(label_smoothing=0.2)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3 * rate)
    return Program(model, loss, optimizer, *digits(), 32, 10 * length, "classification", accuracy)


class Functional(nn.Module):
    """Activations and log-softmax as functions, one layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.head = nn.Linear(64, 80), nn.Linear(80, 80), nn.Linear(80, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Log-probabilities (N, 10) of x (N, 64)."""
        x = F.relu(self.first(x))
        x = F.relu(self.again(x))
        x = torch.tanh(self.again(x))
        return F.log_softmax(self.head(x), dim=-1)


@program
def functional_activations(rate: float, length: int) -> Program:
    """No activation is a module, and log-softmax goes with the negative log-likelihood."""
    model = Functional()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3 * rate)
    return Program(model, F.nll_loss, optimizer, *digits(), 32, 10 * length, "classification", accuracy)
