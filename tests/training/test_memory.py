"""Memory of a step, counted by hand, and what is said when it runs out."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from trainwell.errors import OutOfMemory
from trainwell.training import machine, memory
from trainwell.training.memory import bytes_saved, is_out_of_memory, largest_batch, refuse_if_too_large, too_large


def test_a_linear_layer_keeps_its_input() -> None:
    x = torch.rand(8, 10)
    layer = nn.Linear(10, 20)
    assert bytes_saved(layer, lambda: layer(x)) == 8 * 10 * 4


def test_what_two_layers_share_is_counted_once_and_weights_never() -> None:
    x = torch.rand(8, 10)
    model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 3))
    # The input, and the output of the ReLU, which is also what the last layer keeps.
    assert bytes_saved(model, lambda: model(x)) == 8 * 10 * 4 + 8 * 20 * 4
    convolution = nn.Conv2d(3, 5, 3)
    images = torch.rand(2, 3, 8, 8)
    assert bytes_saved(convolution, lambda: convolution(images)) == 2 * 3 * 8 * 8 * 4


def test_a_batch_that_cannot_fit_is_refused_with_the_one_that_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text(str(2**22))
    (tmp_path / "memory.current").write_text("0")
    model = nn.Linear(100, 10, bias=False)  # 4000 bytes, five times over
    refuse_if_too_large(model, saved=1000, samples=1, batch_size=2000)
    with pytest.raises(OutOfMemory) as caught:
        refuse_if_too_large(model, saved=10_000, samples=10, batch_size=4000)
    # (2^22 - 20000) / 1500 bytes a sample = 2782.
    assert str(caught.value) == (
        "batch_size=4000 needs about 0.0 GiB of 0.0 GiB free. The largest batch that fits is about 2782: "
        "batch_size=2782. Scale the learning rate along with it."
    )
    with pytest.raises(OutOfMemory, match="Not even one sample fits: take a smaller model or image_size"):
        refuse_if_too_large(nn.Linear(1000, 1000), saved=1, samples=1, batch_size=1)


def test_nothing_is_refused_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    refuse_if_too_large(nn.Linear(10, 10), saved=2**60, samples=1, batch_size=2**20)


def test_the_largest_batch_is_found_by_halving() -> None:
    tried: list[int] = []

    def attempt(size: int) -> None:
        tried.append(size)
        if size > 100:
            torch.empty(2**62, dtype=torch.uint8)  # more than any machine has

    assert largest_batch(attempt, 1000) == 62
    assert tried == [500, 250, 125, 62]
    assert largest_batch(lambda size: attempt(size + 100), 8) == 0

    def broken(_: int) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        largest_batch(broken, 8)


def test_only_a_lack_of_memory_counts_as_one() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**62, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(OSError("not enough memory"))


def test_the_error_names_a_smaller_batch() -> None:
    assert str(too_large(512, 64)) == (
        "batch_size=512 needs more memory than there is. The largest batch that fits is about 64: batch_size=64. "
        "Scale the learning rate along with it."
    )
    assert "Not even one sample fits" in str(too_large(512, 0))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_a_real_step_that_runs_out_of_memory_finds_a_smaller_batch() -> None:
    code = (
        "import resource, torch\nfrom torch import nn\nfrom trainwell.training import memory\n"
        "torch.set_num_threads(1)\nmodel = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(),"
        " nn.Conv2d(64, 64, 3, padding=1))\n"
        "def attempt(size):\n    model.zero_grad()\n    model(torch.rand(size, 3, 32, 32)).sum().backward()\n"
        "attempt(4)\npages = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (pages + 2**29, pages + 2**29))\n"
        "try:\n    attempt(4096)\nexcept (RuntimeError, MemoryError) as error:\n"
        "    assert memory.is_out_of_memory(error), error\n"
        "    fits = memory.largest_batch(attempt, 4096)\n    attempt(fits)\n    print(fits)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) in (64, 128, 256, 512)
