"""Every technique that the book names: in its family, and at work in the real loop, in fp32 and bf16.

`techniques.md` beside this file is the page that lists them; the ids are read from it.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from trainwell.data.dataset import Data
from trainwell.data.open import open_data
from trainwell.method.catalogue import families
from trainwell.recipe import Recipe
from trainwell.recipes import build
from trainwell.training.checkpoint import restore, state_of
from trainwell.training.engine import Engine
from trainwell.training.loop import Trainer
from trainwell.training.setup import set_up, shape_of

PAGE = Path(__file__).with_name("techniques.md")
COUNTS = {
    "activations": 18,
    "augmentations": 17,
    "averages": 2,
    "clippings": 3,
    "dropouts": 5,
    "initializers": 14,
    "losses": 7,
    "norms": 6,
    "optimizers": 10,
    "penalties": 5,
    "poolings": 5,
    "preprocessing": 8,
    "schedules": 12,
}


def ids_of_the_page() -> dict[str, list[str]]:
    """The ids by family: the words in code type behind the family's name, to the end of that clause."""
    section = PAGE.read_text().partition("## Techniques by family")[2].partition("\n## ")[0]
    section = re.sub(r"\([^()]*\)", "", section)
    found = {}
    for family, clause in re.findall(r"\*\*(\w+)\*\* (`[^:;.\n]*)", section):
        found[family] = [id for span in re.findall(r"`([^`]+)`", clause) for id in span.split()]
    return found


LISTED = [(family, id) for family, ids in ids_of_the_page().items() for id in ids]


def test_the_page_is_read_as_it_stands() -> None:
    assert {family: len(ids) for family, ids in ids_of_the_page().items()} == COUNTS


@pytest.mark.parametrize(("family", "id"), LISTED)
def test_technique_is_in_its_family(family: str, id: str) -> None:
    assert id in families()[family]


def images() -> tuple[np.ndarray, np.ndarray]:
    """Forty colour images of 12 x 12 pixels in three classes, of which one corner is brighter."""
    draws = np.random.default_rng(0)
    x, y = draws.integers(0, 150, (40, 12, 12, 3)), np.arange(40) % 3
    for row, label in enumerate(y):
        x[row, 4 * label : 4 * label + 4, :4] += 100
    return x.astype(np.uint8), y


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Sixty rows of eight columns, and a value to predict."""
    draws = np.random.default_rng(1)
    x = draws.normal(size=(60, 8)).astype(np.float32)
    return x, (x @ draws.normal(size=8)).astype(np.float32)


def recipe_with(family: str, id: str) -> tuple[Data, Recipe]:
    """A small data set, and a recipe for it in which the technique has its place."""
    facts = families()[family][id].facts
    regression = family == "losses" and facts.get("task") == "regression"
    data = open_data(rows() if regression else images())
    base = build("table" if regression else "small_images", shape_of(data))
    edits = ["batch_size=8", "epochs=2"] + ([] if regression else ["model.width=8", "model.blocks=2"])
    fields = {"losses": "loss", "augmentations": "augment", "clippings": "clip", "preprocessing": "preprocess"}
    fields |= {"activations": "model.activation", "initializers": "model.initializer", "norms": "model.norm"}
    fields |= {"dropouts": "model.dropout", "poolings": "model.pooling"}
    field = fields.get(family, family if family == "penalties" else family.removesuffix("s"))
    edits.append(f"{field}={id}")
    if family == "poolings" and facts.get("overall"):
        edits[-1] = f"model.last_pooling={id}"
    if facts.get("own_warmup"):
        edits += ["warmup=0", "start=0"]
    if facts.get("wraps") == "branch":
        edits = ["batch_size=8", "epochs=2", "model=resnet18", "model.stochastic_depth=0.5"]
    if facts.get("flattens"):
        edits = ["batch_size=8", "epochs=2", "model=mlp", "views=one", f"preprocess={id}"]
    return data, base.edit(edits)


def trainer_for(data: Data, recipe: Recipe, precision: str) -> Trainer:
    setup = set_up(data, recipe, torch.device("cpu"))
    engine = Engine(torch.device("cpu"), precision, "contiguous", False, 1)
    optimizer = setup.optimizer(engine.place(setup.model), setup.rate)
    plan = setup.plan([recipe.epochs])
    return Trainer(setup.model, optimizer, setup.rate, setup.feeds["train"], setup.feeds["valid"], engine, plan)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("family", "id"), LISTED)
def test_technique_trains_saves_loads_and_repeats(family: str, id: str, precision: str, tmp_path: Path) -> None:
    """Three steps of the real loop; a second trainer, saved to a file after two and loaded, ends at the same bits."""
    data, recipe = recipe_with(family, id)
    torch.manual_seed(1)
    straight = trainer_for(data, recipe, precision)
    start = {name: value.clone() for name, value in straight.model.state_dict().items()}
    for _ in range(3):
        straight.advance()
    torch.manual_seed(2)  # a draw from the process's own generator would show
    broken_off = trainer_for(data, recipe, precision)
    for _ in range(2):
        broken_off.advance()
    tensors, state = state_of(broken_off)
    save_file({name: value.contiguous() for name, value in tensors.items()}, tmp_path / "state.safetensors")
    resumed = trainer_for(data, recipe, precision)
    restore(resumed, load_file(tmp_path / "state.safetensors"), json.loads(json.dumps(state)))
    resumed.advance()
    ended, again = straight.model.state_dict(), resumed.model.state_dict()
    assert all(torch.isfinite(value).all() for value in ended.values() if value.is_floating_point())
    for name, value in ended.items():
        assert torch.equal(value, again[name]), f"{name} differs after a resume"
    moved = [name for name, value in ended.items() if not torch.equal(value, start[name])]
    assert moved, "nothing was learnt in three steps"


def test_a_schedule_that_goes_by_the_loss_goes_on_at_its_rate() -> None:
    data, recipe = recipe_with("schedules", "plateau")
    stopped = trainer_for(data, recipe, "fp32")
    stopped.losses = [1.0] * 8  # no better for seven epochs: longer than the patience
    tensors, state = state_of(stopped)
    resumed = trainer_for(data, recipe, "fp32")
    last = resumed.steps - 1
    before = resumed.rate_at(last)
    restore(resumed, tensors, json.loads(json.dumps(state)))
    assert resumed.rate_at(last) == stopped.rate_at(last) < before
