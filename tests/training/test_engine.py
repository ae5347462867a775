"""How the arithmetic is done: number format, layout, threads, and the process set back afterwards."""

import pytest
import torch
from torch import nn

from trainwell.training.engine import Engine, faster_products_are_exact, running

CPU = torch.device("cpu")


def engine(precision: str = "fp32", layout: str = "contiguous", threads: int = 1) -> Engine:
    return Engine(CPU, precision, layout, False, threads)


def test_running_sets_the_process_up_and_back() -> None:
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    with running(engine(threads=threads + 1)):
        assert torch.get_num_threads() == threads + 1
        assert torch.get_float32_matmul_precision() == ("medium" if faster_products_are_exact() else precision)
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == (threads, precision)
    with pytest.raises(ZeroDivisionError), running(engine(threads=threads + 2)):
        raise ZeroDivisionError
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == (threads, precision)


def test_the_setting_of_the_caller_comes_back() -> None:
    torch.set_float32_matmul_precision("high")
    try:
        faster_products_are_exact.__wrapped__()
        assert torch.get_float32_matmul_precision() == "high"
        with running(engine()):
            pass
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_faster_products_keep_the_numbers_where_they_are_used() -> None:
    a, b = (torch.randn(256, 256, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    plain = a @ b
    with running(engine()):
        assert float((a @ b - plain).abs().max()) < 1e-4


class Spy(nn.Module):
    """Notes how its input arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)
        self.contiguous = False
        self.inside: torch.dtype | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.contiguous = x.is_contiguous()
        out: torch.Tensor = self.layer(x)
        self.inside = out.dtype
        return out.mean((2, 3))


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_forward_computes_in_the_format_and_layout_asked_for(precision: str, dtype: torch.dtype, layout: str) -> None:
    chosen, model = engine(precision, layout), Spy()
    assert chosen.place(model) is model
    x = torch.rand(2, 6, 5, 3).permute(0, 3, 1, 2)  # channels last, as feeds give it
    out = chosen.forward(chosen.network(model), x)
    assert out.dtype == torch.float32
    assert model.inside == dtype
    assert model.contiguous is (layout == "contiguous")
    assert model.layer.weight.dtype == torch.float32
    assert model.layer.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(out, model(x), atol=1e-2)


def test_text_names_the_choices() -> None:
    assert engine("bf16", "channels_last", 2).text() == "cpu, bf16, channels last, 2 threads"
    assert Engine(CPU, "fp32", "contiguous", True, 1).text() == "cpu, fp32, contiguous, compiled, 1 thread"
