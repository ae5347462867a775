"""Twenty steps of each optimizer, against torch and against recurrences written out."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainwell.optimizers import optimizers

from .descent import CURVATURE, START, STEPS, gradient


def path(make: Callable[[list[nn.Parameter]], torch.optim.Optimizer]) -> Tensor:
    """Where 20 steps lead in a bowl whose curvature differs between the weights, (20, 4, 3)."""
    weight = nn.Parameter(START.clone())
    optimizer = make([weight])

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = 0.5 * (CURVATURE * weight.square()).sum() + 0.1 * weight.pow(4).sum()
        loss.backward()
        return loss

    places = []
    for _ in range(STEPS):
        optimizer.step(closure)
        places.append(weight.detach().clone())
    return torch.stack(places)


def by_recurrence(step: Callable[[np.ndarray, int, dict[str, Any]], np.ndarray]) -> Iterator[np.ndarray]:
    x, memory = START.double().numpy(), {}
    for t in range(1, STEPS + 1):
        x = step(x, t, memory)
        yield x.copy()


@pytest.mark.parametrize(
    ("id", "args", "reference"),
    [
        ("sgd", {"lr": 0.01, "weight_decay": 0.1}, lambda p: torch.optim.SGD(p, 0.01, 0.9, 0, 0.1, nesterov=True)),
        ("adam", {"lr": 0.1, "beta1": 0.8, "eps": 0.1}, lambda p: torch.optim.Adam(p, 0.1, (0.8, 0.999), 0.1)),
        (
            "adamw",
            {"lr": 0.1, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.3},
            lambda p: torch.optim.AdamW(p, 0.1, (0.9, 0.9), 0.1, weight_decay=0.3),
        ),
        (
            "adagrad",
            {"lr": 0.3, "eps": 0.1, "weight_decay": 0.1},
            lambda p: torch.optim.Adagrad(p, 0.3, eps=0.1, weight_decay=0.1),
        ),
        (
            "rmsprop",
            {"lr": 0.02, "beta": 0.95, "eps": 0.1, "weight_decay": 0.1},
            lambda p: torch.optim.RMSprop(p, 0.02, 0.95, 0.1, weight_decay=0.1, foreach=False),
        ),
        (
            "nadam",
            {"lr": 0.05, "beta1": 0.8, "beta2": 0.9, "eps": 0.1, "momentum_decay": 1.0, "weight_decay": 0.3},
            lambda p: torch.optim.NAdam(p, 0.05, (0.8, 0.9), 0.1, 0.3, 1.0, decoupled_weight_decay=True, foreach=False),
        ),
        (
            "muon",
            {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.3, "head": "muon"},
            lambda p: torch.optim.Muon(p, 0.1, 0.3, 0.8, adjust_lr_fn="match_rms_adamw"),
        ),
    ],
)
def test_twenty_steps_are_those_of_torch(
    id: str, args: dict[str, Any], reference: Callable[[list[nn.Parameter]], torch.optim.Optimizer]
) -> None:
    # 1e-5 in fp32; muon's iteration is in bf16, where torch's order of products gives other last bits (2^-8).
    close = {"rtol": 0.02, "atol": 0.02} if id == "muon" else {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(path(lambda p: optimizers[id](p, **args)), path(reference), **close)


def test_twenty_steps_of_lion_by_recurrence() -> None:
    def lion(x: np.ndarray, _: int, memory: dict[str, Any]) -> np.ndarray:
        m, g = memory.get("m", 0.0), gradient(x)
        memory["m"] = 0.98 * m + 0.02 * g
        return x - 0.05 * (np.sign(0.8 * m + 0.2 * g) + 0.3 * x)

    found = path(lambda p: optimizers["lion"](p, lr=0.05, beta1=0.8, beta2=0.98, weight_decay=0.3))
    np.testing.assert_allclose(found.numpy(), list(by_recurrence(lion)), rtol=1e-5, atol=1e-5)


def test_twenty_steps_of_adagrad_rmsprop_and_nadam_by_their_papers() -> None:
    def adagrad(x: np.ndarray, _: int, memory: dict[str, Any]) -> np.ndarray:
        memory["s"] = memory.get("s", 0.0) + gradient(x) ** 2
        return x - 0.3 * gradient(x) / (np.sqrt(memory["s"]) + 1e-10)

    def rmsprop(x: np.ndarray, _: int, memory: dict[str, Any]) -> np.ndarray:
        memory["v"] = 0.9 * memory.get("v", 0.0) + 0.1 * gradient(x) ** 2
        return x - 0.02 * gradient(x) / (np.sqrt(memory["v"]) + 1e-8)

    def nadam(x: np.ndarray, t: int, memory: dict[str, Any]) -> np.ndarray:
        g = gradient(x)
        mu, ahead = (0.9 * (1 - 0.5 * 0.96 ** (s * 4e-3)) for s in (t, t + 1))
        memory["product"] = memory.get("product", 1.0) * mu
        memory["m"] = 0.9 * memory.get("m", 0.0) + 0.1 * g
        memory["v"] = 0.999 * memory.get("v", 0.0) + 0.001 * g**2
        mean = ahead * memory["m"] / (1 - memory["product"] * ahead) + (1 - mu) * g / (1 - memory["product"])
        return x - 0.05 * mean / (np.sqrt(memory["v"] / (1 - 0.999**t)) + 1e-8)

    for id, lr, recurrence in (("adagrad", 0.3, adagrad), ("rmsprop", 0.02, rmsprop), ("nadam", 0.05, nadam)):
        found = path(lambda p, id=id, lr=lr: optimizers[id](p, lr=lr))
        np.testing.assert_allclose(found.numpy(), list(by_recurrence(recurrence)), rtol=1e-4, atol=1e-4, err_msg=id)


def test_twenty_steps_of_sam_by_recurrence() -> None:
    def sam(x: np.ndarray, _: int, memory: dict[str, Any]) -> np.ndarray:
        g = gradient(x)
        g = gradient(x + 0.3 * g / np.linalg.norm(g)) + 0.1 * x  # the decay of the optimizer within is taken at x
        memory["v"] = 0.9 * memory.get("v", 0.0) + g
        return x - 0.01 * memory["v"]

    inner = {"name": "sgd", "nesterov": False, "weight_decay": 0.1}
    found = path(lambda p: optimizers["sam"](p, lr=0.01, rho=0.3, inner=inner))
    np.testing.assert_allclose(found.numpy(), list(by_recurrence(sam)), rtol=1e-4, atol=1e-5)


def test_twenty_steps_of_lookahead_by_recurrence() -> None:
    def lookahead(x: np.ndarray, t: int, memory: dict[str, Any]) -> np.ndarray:
        slow = memory.setdefault("slow", x)
        memory["v"] = 0.9 * memory.get("v", 0.0) + gradient(x)
        x = x - 0.01 * memory["v"]
        if t % 3 == 0:
            x = memory["slow"] = slow + 0.4 * (x - slow)
        return x

    inner = {"name": "sgd", "nesterov": False}
    found = path(lambda p: optimizers["lookahead"](p, lr=0.01, k=3, alpha=0.4, inner=inner))
    np.testing.assert_allclose(found.numpy(), list(by_recurrence(lookahead)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("inner", ["sgd", "adamw", "muon", "lion", "rmsprop"])
@pytest.mark.parametrize(("id", "off"), [("sam", {"rho": 0.0}), ("lookahead", {"alpha": 1.0})])
def test_a_wrapper_that_is_switched_off_is_the_optimizer_within(id: str, off: dict[str, float], inner: str) -> None:
    within = path(lambda p: optimizers[inner](p, lr=0.01))
    torch.testing.assert_close(path(lambda p: optimizers[id](p, lr=0.01, inner=inner, **off)), within)
