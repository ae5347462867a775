"""A batch that does not fit is told with the largest that does."""

import numpy as np

from .conftest import Program


def test_a_batch_larger_than_memory(program: Program) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1500, 64, 64, 3), dtype=np.uint8)
    np.savez(program.cwd / "big.npz", x=pixels, y=np.arange(1500) % 4)
    done = program("fit", "big.npz", "batch_size=1200", "model=resnet50", "epochs=1", "--no-checks", "--threads", 1)
    done.refused("batch_size=1200 needs", "GiB free", "largest batch that fits is about", code=3)
