"""Randomness by counter: every draw is a function of (seed, epoch, index), never of a running generator.

A resumed run therefore draws what the uninterrupted one would have drawn, and no draw depends on the order in which
samples were visited. The mixing function is the finaliser of SplitMix64, applied to one word after the other.

Reference:
    Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014, figure 4.
"""

import hashlib
from typing import Any

import numpy as np
import torch
from scipy import special

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF


def key(*words: int | str) -> int:
    """One number in [0, 2^63) from numbers and names; every word changes it."""
    state = 0
    for word in words:
        number = (
            int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest()) if isinstance(word, str) else word
        )
        state = _mix_number((state ^ (number & _MASK)) + _GOLDEN & _MASK)
    return state >> 1


def generator(*words: int | str) -> np.random.Generator:
    """A fresh generator of its own stream, for draws that are made once: a split, a permutation."""
    return np.random.Generator(np.random.Philox(key=key(*words)))


def order(seed: int, epoch: int, count: int) -> np.ndarray[Any, Any]:
    """The order in which an epoch visits `count` samples, (count,) int64."""
    return generator("order", seed, epoch).permutation(count)


class Draws:
    """Randomness of a batch of N samples; each call gives fresh numbers, the same ones in every run.

    Args:
        seed: Seed of the run.
        epochs: Epoch of each sample, (N,) int64.
        indices: Index of each sample within the training split, (N,) int64.
        stream: Keeps two users of the same samples apart; see `of`.
    """

    def __init__(self, seed: int, epochs: np.ndarray, indices: np.ndarray, stream: int = 0) -> None:
        self.seed = seed
        self.epochs = np.asarray(epochs, dtype=np.int64)
        self.indices = np.asarray(indices, dtype=np.int64)
        self._stream = stream
        self._calls = 0

    def __len__(self) -> int:
        return len(self.indices)

    def of(self, name: str, place: int = 0) -> "Draws":
        """The draws of one technique: independent of those of any other name or place."""
        return Draws(self.seed, self.epochs, self.indices, key(self._stream, name, place))

    def fixed(self) -> "Draws":
        """The same draws in every epoch: what belongs to a sample, not to a visit."""
        return Draws(self.seed, np.zeros_like(self.epochs), self.indices, key(self._stream, "fixed"))

    def _bits(self) -> np.ndarray:
        self._calls += 1
        start = np.uint64(key(self.seed, self._stream, self._calls))
        return _mix(_mix(start ^ self.indices.astype(np.uint64)) ^ self.epochs.astype(np.uint64))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """(N,) float32, uniform in [low, high)."""
        unit = (self._bits() >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
        return torch.from_numpy(unit * np.float32(high - low) + np.float32(low))

    def integers(self, low: int, high: int) -> torch.Tensor:
        """(N,) int64, uniform in low .. high, both included."""
        span = np.uint64(high - low + 1)
        return torch.from_numpy(((self._bits() >> np.uint64(32)) * span >> np.uint64(32)).astype(np.int64) + low)

    def beta(self, alpha: float) -> torch.Tensor:
        """(N,) float32, from Beta(alpha, alpha)."""
        unit = ((self._bits() >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
        return torch.from_numpy(special.betaincinv(alpha, alpha, unit).astype(np.float32))

    def partners(self) -> torch.Tensor:
        """(N,) int64: another sample of the batch for each one, a permutation."""
        return torch.from_numpy(np.argsort(self._bits(), kind="stable"))


class StepDraws:
    """Randomness of a training step for layers: dropout masks keyed by (seed, step, layer).

    The loop sets `step` before every forward pass. The generator of a device is made once and re-seeded, which costs
    nothing measurable beside drawing the mask.

    Args:
        seed: Seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.step = 0
        self._generators: dict[torch.device, torch.Generator] = {}

    def generator(self, layer: int, device: torch.device) -> torch.Generator:
        """The generator of this layer in this step; valid until the next call."""
        found = self._generators.get(device)
        if found is None:
            found = self._generators[device] = torch.Generator(device)
        return found.manual_seed(key(self.seed, self.step, layer))


def _mix_number(z: int) -> int:
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return z ^ z >> 31


def _mix(z: np.ndarray) -> np.ndarray:
    words = z + np.uint64(_GOLDEN)
    words = (words ^ words >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ words >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return words ^ words >> np.uint64(31)
