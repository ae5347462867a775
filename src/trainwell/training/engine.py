"""How the arithmetic of a step is done: number format, memory layout, compilation, threads."""

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_TRIAL = 512  # side of the product that shows whether the faster matrix products keep fp32's precision


@dataclass(frozen=True)
class Engine:
    """The choices for one run; what `auto` in a recipe was turned into.

    Args:
        device: Where the network is.
        precision: `fp32`, or `bf16` for autocast with fp32 weights.
        layout: `contiguous` or `channels_last`, for images.
        compile: Whether the network is compiled.
        threads: Threads of the CPU.
    """

    device: torch.device
    precision: str
    layout: str
    compile: bool
    threads: int

    def place(self, model: nn.Module) -> nn.Module:
        """The model on the device and in the memory layout, in place."""
        model.to(self.device)
        return model.to(memory_format=torch.channels_last) if self.layout == "channels_last" else model  # type: ignore[call-overload]

    def network(self, model: nn.Module) -> Any:
        """What is called in the step: the model, or its compiled form, which shares the weights."""
        return torch.compile(model) if self.compile else model

    def forward(self, network: Any, x: Tensor) -> Tensor:
        """Output of the network in float32."""
        if self.layout == "contiguous" and x.dim() == 4:
            x = x.contiguous()
        if self.precision == "fp32":
            return network(x)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            return network(x).float()

    def text(self) -> str:
        """The choices in one line."""
        words = [str(self.device), self.precision, self.layout.replace("_", " ")]
        words += ["compiled"] if self.compile else []
        return ", ".join([*words, f"{self.threads} thread{'s' * (self.threads > 1)}"])


@contextlib.contextmanager
def running(engine: Engine) -> Iterator[None]:
    """Set the process up for the engine, and set it back afterwards."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(engine.threads)
    if engine.device.type == "cpu" and faster_products_are_exact():
        torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)


@functools.cache
def faster_products_are_exact() -> bool:
    """Whether `medium` matrix products keep the error of fp32 on this CPU.

    The switch picks another library, which on some CPUs (AMX) computes in bf16: an error some hundred times as large.
    """
    before = torch.get_float32_matmul_precision()
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(_TRIAL, _TRIAL, generator=generator), torch.randn(_TRIAL, _TRIAL, generator=generator)
    exact = a.double() @ b.double()
    errors = {}
    try:
        for precision in ("highest", "medium"):
            torch.set_float32_matmul_precision(precision)
            errors[precision] = float((a @ b - exact).abs().max())
    finally:
        torch.set_float32_matmul_precision(before)
    return errors["medium"] < 4 * errors["highest"]
