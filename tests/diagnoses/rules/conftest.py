"""Cases as they are before a training: real data, a recipe with edits, the network built."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.diagnoses import Finding
from trainwell.diagnoses.rules import Case, ask, rules
from trainwell.method.advise import case_of
from trainwell.method.screen import Silent
from trainwell.models import models
from trainwell.preprocessing import preprocessing
from trainwell.recipe import Recipe
from trainwell.recipes import build, choose
from trainwell.training.setup import set_up, shape_of

MakeCase = Callable[..., Case]
Fired = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def same_weights() -> None:
    """Networks that torch initialises are the same in every run."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def data(bright_quarters: Callable[..., dict[str, np.ndarray]]) -> dict[str, Data]:
    """Data of each kind, small."""
    draws = np.random.default_rng(0)
    signs = bright_quarters(count=200, side=12, channels=1)
    photos = bright_quarters(count=120, side=72)
    names = np.array(["cat", "dog", "owl", "fox"])
    rows = draws.normal(3.0, 5.0, (300, 6)).astype(np.float32)
    return {
        "digits": open_data("digits"),
        "signs": open_data((signs["x"], signs["y"])),
        "photos": open_data((photos["x"], names[photos["y"]])),
        "colour": open_data((bright_quarters()["x"], names[bright_quarters()["y"]])),
        "table": open_data((rows, (rows[:, 0] > 3).astype(np.int64))),
        "values": open_data((rows, rows[:, 0] ** 2 + draws.normal(size=300).astype(np.float32))),
    }


@pytest.fixture(scope="session")
def make_case(data: dict[str, Data]) -> MakeCase:
    """The case of a recipe on data, with edits; or of a network of one's own, made for the inputs' shape."""

    def make(
        edits: Sequence[str] = (),
        *,
        on: str | Data = "table",
        recipe: str | None = None,
        model: nn.Module | None = None,
        **fields: Any,
    ) -> Case:
        source = data[on] if isinstance(on, str) else on
        shape = shape_of(source)
        if source.kind == "own":
            shape = dataclasses.replace(shape, kind="table")
        chosen: Recipe = choose(shape)[0] if recipe is None else build(recipe, shape)
        if source.kind == "own":
            chosen = chosen.replace(preprocess=preprocessing.part("none"))
        if model is not None:
            chosen = chosen.replace(model=models.part("given", network=type(model).__name__), norm_bias_rate=1.0)
        setup = set_up(source, chosen.edit(edits).replace(**fields), torch.device("cpu"), model)
        return case_of(setup, Silent())

    return make


@pytest.fixture(scope="session")
def fired() -> Fired:
    """The ids of the rules that have something to say, in order."""

    def ids(case: Case) -> list[str]:
        return [found.problem for found in findings(case)]

    return ids


def findings(case: Case) -> list[Finding]:
    """What all rules say."""
    return [found for rule in rules if (found := ask(rule, case)) is not None]


def only(case: Case, id: str) -> Finding:
    """What one rule says, which has to be something."""
    found = ask(rules[id], case)
    assert found is not None, f"{id} says nothing"
    return found
