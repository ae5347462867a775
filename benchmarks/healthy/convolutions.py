"""Networks on 8x8 images: normalisation, residual blocks, mixed precision, fine-tuning, reconstruction."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from healthy.program import Program, Rows, accuracy, program, r2, train
from healthy.sources import digits


class Block(nn.Module):
    """Two convolutions beside a short cut; the last norm starts at 0, so that the block starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one, self.norm = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.two, self.last = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """As x, (N, C, H, W)."""
        return F.relu(x + self.last(self.two(F.relu(self.norm(self.one(x))))))


@program
def residual_blocks(rate: float, length: int) -> Program:
    """A small residual network whose blocks start as the identity."""
    stem = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU())
    model = nn.Sequential(stem, nn.MaxPool2d(2), Block(12), Block(12), nn.Flatten(), nn.Linear(12 * 16, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05 * rate, momentum=0.9, weight_decay=5e-4)
    return Program(model, F.cross_entropy, optimizer, *digits(flat=False), 64, 6 * length, "classification", accuracy)


@program
def batch_norm_sgd(rate: float, length: int) -> Program:
    """Batch norm and plain SGD at 0.1 with momentum."""
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(96, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1 * rate, momentum=0.9)
    return Program(model, F.cross_entropy, optimizer, *digits(flat=False), 64, 6 * length, "classification", accuracy)


@program
def group_norm_pairs(rate: float, length: int) -> Program:
    """Group norm, because a batch has two images."""
    model = nn.Sequential(
        nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.GroupNorm(3, 12), nn.ReLU(), nn.Flatten(), nn.Linear(192, 4)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01 * rate)
    parts = digits(flat=False, only=range(4))
    return Program(model, F.cross_entropy, optimizer, *parts, 2, 3 * length, "classification", accuracy)


@program
def bf16_autocast(rate: float, length: int) -> Program:
    """Forward and loss in bfloat16, weights and optimizer in float32."""
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 64), nn.ReLU(),
        nn.Linear(64, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3 * rate)
    parts = digits(flat=False)
    return Program(model, F.cross_entropy, optimizer, *parts, 64, 8 * length, "classification", accuracy, autocast=True)


@program
def frozen_body(rate: float, length: int) -> Program:
    """Features learnt on the digits 0 to 4 and frozen; a new head learns 5 to 9."""
    body = nn.Sequential(
        nn.Conv2d(1, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
    )  # fmt: skip
    before = nn.Sequential(body, nn.Linear(24 * 16, 5))
    adam = torch.optim.Adam(before.parameters(), lr=2e-3)
    source = digits(flat=False, only=range(5))
    train(Program(before, F.cross_entropy, adam, *source, 32, 2, "classification", accuracy), torch.initial_seed())
    body.requires_grad_(False)
    model = nn.Sequential(body, nn.Linear(24 * 16, 5))
    optimizer = torch.optim.Adam(model[1].parameters(), lr=3e-3 * rate)
    parts = digits(flat=False, only=range(5, 10))
    return Program(model, F.cross_entropy, optimizer, *parts, 32, 12 * length, "classification", accuracy)


class Tied(nn.Module):
    """An autoencoder whose decoder is its encoder turned round."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.bias = nn.Linear(64, 24), nn.Parameter(torch.zeros(64))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruction of x, both (N, 64)."""
        return F.linear(torch.tanh(self.encoder(x)), self.encoder.weight.T, self.bias)


@program
def tied_autoencoder(rate: float, length: int) -> Program:
    """Digits through 24 numbers and back, with one matrix for both ways; the input is the target."""
    model = Tied()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3 * rate)
    parts = [Rows(part.x, part.x) for part in digits()]
    return Program(model, F.mse_loss, optimizer, *parts, 32, 20 * length, "regression", r2)
