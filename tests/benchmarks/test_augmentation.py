"""The augmentation benchmark and its pictures: both programs give the same kind of thing, and the table says it."""

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import augmentation
import pictures
import tables

BENCHMARKS = Path(augmentation.__file__).parent
SETTING = augmentation.Setting(side=32, batch=16)


def test_every_augmentation_is_measured_and_has_a_rival() -> None:
    assert set(augmentation.rivals(32)) == set(augmentation.OURS)
    assert set(augmentation.NOTES) <= set(augmentation.OURS)
    assert set(augmentation.POLICIES) <= set(augmentation.OURS)


@pytest.mark.parametrize("name", augmentation.OURS)
def test_our_side_ends_with_standardised_planes(name: str) -> None:
    batch = augmentation.Batch(SETTING, 0, torch.device("cpu"))
    step = augmentation.ours(augmentation.OURS[name], batch, SETTING)
    x, target = step()
    assert x.shape == (16, 3, 32, 32)
    assert x.dtype == torch.float32
    assert len(target) == 16
    assert not torch.equal(step()[0], x)  # the next epoch


def test_both_sides_begin_with_the_same_values() -> None:
    batch = augmentation.Batch(SETTING, 0, torch.device("cpu"))
    plain = augmentation.ours([{"name": "noise", "std": 0}], batch, SETTING)()[0]
    assert torch.allclose(plain, batch.standardised(batch.floats), atol=1e-5)
    assert torch.equal(batch.alone(2).floats[0], batch.floats[2])


@pytest.mark.skipif(importlib.util.find_spec("kornia") is None, reason="kornia is not installed")
@pytest.mark.parametrize("name", augmentation.OURS)
def test_the_rival_ends_with_the_same(name: str) -> None:
    batch = augmentation.Batch(SETTING, 0, torch.device("cpu"))
    x, _ = augmentation.kornia(augmentation.rivals(32)[name], batch, from_bytes=True)()
    assert x.shape == (16, 3, 32, 32)
    assert x.dtype == torch.float32


def test_a_quick_run_measures_and_writes_nothing() -> None:
    before = augmentation.RESULTS.read_bytes() if augmentation.RESULTS.exists() else None
    command = [sys.executable, BENCHMARKS / "augmentation.py", "--quick", "--alone", "--threads", "1"]
    ended = subprocess.run([*command, "--only", "flip", "noise"], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert [line.split()[:3] for line in ended.stdout.splitlines()] == [
        [size, name, "trainwell"] for size in ("32", "224") for name in ("flip", "noise")
    ]
    assert (augmentation.RESULTS.read_bytes() if augmentation.RESULTS.exists() else None) == before


def test_the_table_has_a_row_for_each_with_its_ratios() -> None:
    arguments = argparse.Namespace(seed=0, device="cpu", alone=True, quick=True, seconds=0.0, turns=1)
    found = {"flip": augmentation.measure("flip", SETTING, arguments)}
    assert found["flip"]["medians"]["trainwell"] > 0
    measured = {"trainwell": 300.0, "kornia": 100.0, "kornia, from bytes": 75.0}
    found["randaugment"] = {"medians": measured, "ratios": {"trainwell": 3.1}}
    machine = {"processor": "P", "cores": 2, "versions": {"torch": "2.13.0"}, "commit": None}
    settings = {"batch": {"32": 16}, "turns": 1, "threads": 1, "seed": 0}
    page = tables.augmentation(
        {
            "sizes": {"32": found},
            "settings": settings,
            "machine": machine,
            "policies": augmentation.POLICIES,
            "notes": augmentation.NOTES,
        }
    )
    assert "**32 x 32**, batch 16, 1 turns, 1 threads, seed 0. P, 2 cores; torch 2.13.0; commit no commit." in page
    assert f"| **randaugment** | 300 | 100 | 3.10 | 4.0 |  | {augmentation.NOTES['randaugment']} |" in page
    assert page.splitlines()[-2].startswith("| flip | ")


def test_a_picture_shows_the_image_itself_and_then_its_draws(tmp_path: Path) -> None:
    (tmp_path / "in" / "class").mkdir(parents=True)
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / "class" / f"{number}.png")
    images = pictures.read(tmp_path / "in", 3, 16)
    assert images.shape == (3, 16, 16, 3)
    picture = np.array(pictures.grid("flip", images, 4, 0))
    factor = pictures.WIDEST // (4 * 18)
    assert picture.shape == (3 * 18 * factor, 4 * 18 * factor, 3)
    small = picture[::factor, ::factor]
    assert np.array_equal(small[18:34, :16], images[1].numpy())
    shown = [small[18:34, 18 * column : 18 * column + 16] for column in (1, 2)]
    assert any(np.array_equal(one, images[1].numpy()[:, ::-1]) for one in shown)  # every other epoch
    with pytest.raises(SystemExit, match="no JPEG or PNG"):
        pictures.read(tmp_path / "nothing", 1, 16)
