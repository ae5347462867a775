"""Features in the cache: taken where all they depend on is the same, and no more of them than there is room for."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from trainwell.data.open import open_data
from trainwell.method.finetune import kept
from trainwell.method.finetune.kept import KeptFeatures
from trainwell.recipes import choose
from trainwell.training.engine import Engine
from trainwell.training.heads import Features
from trainwell.training.setup import Setup, set_up, shape_of

CPU = torch.device("cpu")


def setup_of(seed: int, *edits: str) -> Setup:
    torch.manual_seed(seed)
    data = open_data("iris")
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    return set_up(data, choose(shape_of(data))[0].edit(edits), CPU, network)


def place_of(setup: Setup, cache: Path, precision: str = "fp32") -> KeptFeatures:
    return KeptFeatures(cache, setup, Engine(CPU, precision, "contiguous", False, 1), "2")


def features(setup: Setup) -> Features:
    return Features(torch.rand(1, 105, 8), setup.feeds["train"].target, torch.rand(22, 8), None, 2.0)


def test_what_is_written_is_read_by_all_that_it_depends_on(tmp_path: Path) -> None:
    setup = setup_of(0)
    written = features(setup)
    place_of(setup, tmp_path).write(written)
    with torch.no_grad():
        setup.model[2].weight.zero_()  # type: ignore[index, operator, union-attr]  # of the head nothing depends
    found = place_of(setup, tmp_path).read()
    assert found is not None and found[1] == 2.0
    assert torch.equal(found[0]["train"], written.train)
    assert written.valid is not None and torch.equal(found[0]["valid"], written.valid)
    for other in (setup_of(1), setup_of(0, "preprocess=min_max")):
        assert place_of(other, tmp_path).read() is None
    assert place_of(setup, tmp_path, "bf16").read() is None
    setup.data.splits["train"][:2] = setup.data.splits["train"][1::-1]  # the same rows in another order
    assert place_of(setup, tmp_path).read() is None


def test_what_is_damaged_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    setup = setup_of(0)
    place_of(setup, tmp_path).write(features(setup))
    [file] = (tmp_path / "features").glob("*")
    file.write_bytes(file.read_bytes()[:100])
    assert place_of(setup, tmp_path).read() is None


def test_what_was_used_longest_ago_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setups = [setup_of(seed) for seed in range(4)]
    places = [place_of(setup, tmp_path) for setup in setups]
    for number, (setup, place) in enumerate(zip(setups[:3], places[:3], strict=True)):
        place.write(features(setup))
        latest = max((tmp_path / "features").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        os.utime(latest, (number, number))
    size = latest.stat().st_size
    assert places[0].read() is not None  # used now, and so later than the others
    monkeypatch.setattr(kept, "MOST_BYTES", int(2.5 * size))
    places[3].write(features(setups[3]))
    assert [place.read() is not None for place in places] == [True, False, False, True]
    monkeypatch.setattr(kept, "MOST_BYTES", 1)  # what is needed now stays
    places[1].write(features(setups[1]))
    assert [place.read() is not None for place in places] == [False, True, False, False]
