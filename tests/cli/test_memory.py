"""A batch that does not fit is told with the largest that does."""

from pathlib import Path

import numpy as np

from .conftest import Program


def test_a_batch_larger_than_memory(program: Program, tmp_path: Path) -> None:
    x = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.uint8, shape=(20_000, 64, 64, 3))
    x[:, 0, 0, 0] = np.arange(20_000) % 251
    np.savez(tmp_path / "big.npz", x=x, y=np.arange(20_000) % 4)
    done = program("fit", "big.npz", "batch_size=18000", "model=resnet50", "epochs=1", "--no-checks", "--threads", 1)
    done.refused("batch_size=18000 needs", "GiB", "largest batch that fits is about", code=3)
