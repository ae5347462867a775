"""Sequences drawn here: recurrent, convolutional and attending networks, embeddings with padding, two inputs."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from healthy.program import Inputs, Program, Rows, accuracy, program, r2, token_loss
from healthy.sources import drawn, split

_WORDS = 24
_LENGTH = 16


def waves(rows: int = 1500) -> tuple[Rows, Rows]:
    """Noisy sines of three frequencies at any phase, (N, 32, 1), and which of the three."""
    draws = drawn()
    y = torch.randint(3, (rows,), generator=draws)
    phase = 2 * math.pi * torch.rand(rows, 1, generator=draws)
    x = torch.sin((1.0 + y[:, None]) * torch.linspace(0, 2 * math.pi, 32) + phase)
    return split((x + 0.3 * torch.randn(rows, 32, generator=draws))[..., None], y)


def sentences(rows: int = 1500) -> tuple[Rows, Rows]:
    """Words 1 to 23 in sentences of 4 to 16, padded with 0; the class is whether words below 12 prevail."""
    draws = drawn()
    tilt = torch.rand(rows, 1, generator=draws)
    low = torch.rand(rows, _LENGTH, generator=draws) < tilt
    words = torch.randint(1, 12, (rows, _LENGTH), generator=draws)
    words = torch.where(low, words, words + 12)
    lengths = torch.randint(4, _LENGTH + 1, (rows, 1), generator=draws)
    real = torch.arange(_LENGTH) < lengths
    return split(words * real, (2 * (low & real).sum(1) > lengths[:, 0]).long())


class Last(nn.Module):
    """A recurrent layer, and a linear layer on its last state."""

    def __init__(self, recurrent: nn.RNNBase, outputs: int) -> None:
        super().__init__()
        self.recurrent, self.head = recurrent, nn.Linear(recurrent.hidden_size, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, K) of x (N, T, C)."""
        return self.head(self.recurrent(x)[0][:, -1])


@program
def lstm_clipped(rate: float, length: int) -> Program:
    """An LSTM adds up what it has read, with its gradient clipped at 1."""
    x = torch.randn(1500, 12, 1, generator=drawn())
    model = Last(nn.LSTM(1, 24, batch_first=True), 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2 * rate)
    parts = split(x, x.sum(1) / math.sqrt(12))
    return Program(model, F.mse_loss, optimizer, *parts, 32, 10 * length, "regression", r2, clip=1.0)


class Filters(nn.Module):
    """Convolutions along time, then the mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = (
            nn.Conv1d(1, 16, 5, padding=2),
            nn.Conv1d(16, 16, 5, padding=2),
            nn.Linear(16, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, 3) of x (N, T, 1)."""
        x = F.relu(self.one(x.transpose(1, 2)))
        return self.head(F.relu(self.two(x)).mean(-1))


@program
def convolution_1d(rate: float, length: int) -> Program:
    """Convolutions along time."""
    model = Filters()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3 * rate)
    return Program(model, F.cross_entropy, optimizer, *waves(), 32, 10 * length, "classification", accuracy)


class Bag(nn.Module):
    """Mean of the embeddings of the words that are no padding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(_WORDS, 16, padding_idx=0), nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, 2) of x (N, T)."""
        return self.head(self.embed(x).sum(1) / (x > 0).sum(1, keepdim=True))


@program
def padded_embedding(rate: float, length: int) -> Program:
    """Sentences of several lengths: the row of the padding stays 0 and never gets a gradient."""
    model = Bag()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2 * rate)
    return Program(model, F.cross_entropy, optimizer, *sentences(), 32, 10 * length, "classification", accuracy)


class Attending(nn.Module):
    """A transformer block over the words that are no padding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(_WORDS, 16, padding_idx=0), nn.Parameter(0.02 * torch.randn(_LENGTH, 16))
        self.block = nn.TransformerEncoderLayer(16, 2, 32, 0.1, "gelu", batch_first=True, norm_first=True)
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, 2) of x (N, T)."""
        real = x > 0
        h = self.block(self.embed(x) + self.place, src_key_padding_mask=~real)
        return self.head(self.norm((h * real[..., None]).sum(1) / real.sum(1, keepdim=True)))


@program
def transformer_warmup(rate: float, length: int) -> Program:
    """A transformer block after a warm-up as long as a third of the training."""
    model = Attending()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3 * rate, weight_decay=0.01)
    made = Program(model, F.cross_entropy, optimizer, *sentences(), 32, 10 * length, "classification", accuracy)
    third = made.steps // 3
    made.scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / third))
    return made


class Speller(nn.Module):
    """The next letter by a GRU, with one matrix for embedding and output."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.recurrent = nn.Embedding(8, 24), nn.GRU(24, 24, batch_first=True)
        self.head = nn.Linear(24, 8)
        nn.init.normal_(self.embed.weight, std=24**-0.5)
        self.head.weight = self.embed.weight

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (N, T, 8) of letters x (N, T)."""
        return self.head(self.recurrent(self.embed(x))[0])


@program
def tied_speller(rate: float, length: int) -> Program:
    """Letters that follow a rule nine times in ten: some errors remain, whatever is learnt."""
    draws = drawn()
    letters = torch.randint(8, (600, 17), generator=draws)
    free = torch.rand(600, 17, generator=draws) < 0.1
    for i in range(1, 17):
        letters[:, i] = torch.where(free[:, i], letters[:, i], (3 * letters[:, i - 1] + 1) % 8)
    model = Speller()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2 * rate)
    parts = split(letters[:, :-1], letters[:, 1:])
    return Program(model, token_loss, optimizer, *parts, 32, 8 * length, "classification", accuracy)


class TwoWays(nn.Module):
    """Words and numbers in, a dictionary out."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.numbers, self.head = nn.Embedding(6, 8), nn.Linear(4, 16), nn.Linear(24, 3)

    def forward(self, x: dict[str, Tensor]) -> dict[str, Tensor]:
        """Logits (N, 3) and features (N, 24) of `kind` (N,) and `numbers` (N, 4)."""
        features = torch.cat([self.embed(x["kind"]), F.relu(self.numbers(x["numbers"]))], 1)
        return {"logits": self.head(features), "features": features}


@program
def dictionaries(rate: float, length: int) -> Program:
    """A category and four numbers as a dictionary; the model answers with a dictionary as well."""
    draws = drawn()
    x: Inputs = {"kind": torch.randint(6, (1500,), generator=draws), "numbers": torch.randn(1500, 4, generator=draws)}
    y = torch.bucketize(x["numbers"].sum(1) + x["kind"] - 2.5, torch.tensor([-1.2, 1.2]))
    model = TwoWays()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3 * rate)
    return Program(
        model,
        lambda output, target: F.cross_entropy(output["logits"], target),
        optimizer,
        *split(x, y),
        32,
        12 * length,
        "classification",
        lambda output, target: accuracy(output["logits"], target),
    )
