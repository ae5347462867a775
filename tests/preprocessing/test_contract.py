"""What every preprocessing owes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from trainwell.errors import BadData, BadRun
from trainwell.family import Member
from trainwell.preprocessing import from_json, preprocessing

MEMBERS = [pytest.param(member, id=member.id) for member in preprocessing]
ROWS = np.arange(0, 300, 2)


def table() -> np.ndarray:
    draws = np.random.default_rng(0)
    return (draws.normal(size=(300, 4)) * [1, 10, 0.1, 3] + [5, 1000, 0, -2]).astype(np.float32)


def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 200, (300, 6, 5, 3), dtype=np.uint8)


KINDS = pytest.mark.parametrize("make", [table, images])


@pytest.mark.parametrize("member", MEMBERS)
@KINDS
def test_applies_and_inverts(member: Member, make: Callable[[], np.ndarray]) -> None:
    x = make()
    fitted = member(x, ROWS)
    stored = torch.from_numpy(x)
    seen = fitted.apply(stored.clone())
    assert seen.dtype == torch.float32 and torch.isfinite(seen).all()
    assert tuple(seen.shape[1:]) == fitted.output_shape(x.shape[1:])
    assert torch.allclose(fitted.inverse(seen), stored.float(), rtol=1e-4, atol=1e-2)
    assert torch.equal(fitted.apply(stored.clone().float()), seen)
    assert fitted.apply(stored[:0].clone()).shape == (0, *fitted.output_shape(x.shape[1:]))
    half = fitted.apply(stored.to(torch.bfloat16).clone())
    assert half.dtype == torch.bfloat16 and torch.isfinite(half).all()


@pytest.mark.parametrize("member", MEMBERS)
@KINDS
def test_is_kept_as_json_and_arrays(member: Member, make: Callable[[], np.ndarray]) -> None:
    x = make()
    fitted = member(x, ROWS)
    text = json.dumps(fitted.json(), allow_nan=False)
    assert len(text) < 500
    assert all(values.dtype == np.float32 for values in fitted.arrays().values())
    again = from_json(json.loads(text), load(save(fitted.arrays())))
    stored = torch.from_numpy(x)
    assert torch.equal(again.apply(stored.clone()), fitted.apply(stored.clone()))
    assert again.output_shape(x.shape[1:]) == fitted.output_shape(x.shape[1:])
    if fitted.arrays():
        with pytest.raises(BadRun, match="a file of the run is missing"):
            from_json(json.loads(text))


@pytest.mark.parametrize("member", MEMBERS)
@KINDS
def test_only_the_training_rows_count_and_a_memory_map_is_as_good(
    member: Member, make: Callable[[], np.ndarray], tmp_path: Path
) -> None:
    x = make()
    fitted = member(x, ROWS)
    x[1::2] = 0
    np.save(tmp_path / "x.npy", x)
    mapped = member(np.load(tmp_path / "x.npy", mmap_mode="r"), ROWS)
    assert mapped.json() == fitted.json()
    assert all(np.array_equal(values, mapped.arrays()[name]) for name, values in fitted.arrays().items())


@pytest.mark.parametrize("member", MEMBERS)
@KINDS
def test_centres_standardises_and_flattens(member: Member, make: Callable[[], np.ndarray]) -> None:
    x = make()
    fully = {"eps": 0.0} if "eps" in member.hyper else {}
    seen = member(x, ROWS, **fully).apply(torch.from_numpy(x))[torch.from_numpy(ROWS)]
    values = seen.flatten(0, -2).double() if seen.ndim == 4 else seen.double()
    spread = values.std(dim=0, correction=0)
    centred = bool((values.mean(dim=0).abs() < 1e-3 * spread).all())
    assert centred == member.facts["centres"]
    assert bool(((spread - 1).abs() < 1e-2).all()) == member.facts["standardises"]
    assert (seen.ndim == 2) == (member.facts["flattens"] or x.ndim == 2)


@pytest.mark.parametrize("member", MEMBERS)
def test_refusals_of_what_looks_at_the_data(member: Member) -> None:
    if member.id == "none":
        assert torch.equal(member(["own"], ROWS).apply(torch.ones(2, 3)), torch.ones(2, 3))
        return
    with pytest.raises(BadData, match="no training rows"):
        member(table(), np.arange(0))
    with pytest.raises(BadData, match="preprocess=none"):
        member(["own"], ROWS)
