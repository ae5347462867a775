"""Passes: what the activations of a network do in a forward pass that somebody else's loop runs."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from trainwell.diagnoses.evidence import Architecture, Unit
from trainwell.diagnoses.script import architecture
from trainwell.diagnoses.watching.calls import Calls
from trainwell.diagnoses.watching.entry import Hook, aside, unwrapped
from trainwell.measurements.activation_scale import moments
from trainwell.measurements.collector import Collector
from trainwell.measurements.ranges import UnitRanges
from trainwell.measurements.slopes import few
from trainwell.probes.contents import exchanged, tensors

_FLAT = 0.01  # share of the largest slope under which a value counts as flat
_SAMPLES = 128  # of passes in a row, by which a dead unit is told from one that is seldom active
_PASSES = 4  # in a row, at most
_TRACED = 4  # samples by which the graph is told
_COPIED = 50_000_000  # numbers in a network that may be copied for it, at most


@dataclass(frozen=True, eq=False)
class Seen:
    """A pass that was seen; its numbers are on the device.

    Args:
        names: Of the activations, in the order they ran.
        widths: Units of each.
        numbers: (A, 5): dead, flat, zeros, variance between the samples, mean square. NaN where one is not known.
    """

    names: tuple[str, ...]
    widths: tuple[int, ...]
    numbers: Tensor

    def units(self) -> tuple[Unit, ...]:
        """The activations as numbers; it waits for the device."""
        found = []
        for name, width, row in zip(self.names, self.widths, self.numbers.tolist(), strict=True):
            dead, flat, zeros, between, square = row
            if dead != dead:
                continue
            rms = square**0.5
            found.append(
                Unit(
                    name=name,
                    num_units=width,
                    dead=dead,
                    flat=None if flat != flat else flat,
                    zeros=zeros,
                    rms=rms,
                    between=between**0.5 / rms if rms else None,
                )
            )
        return tuple(found)


class Passes:
    """Sees the next training passes of a network whenever it is asked to: as many as make 128 samples, or four.

    Where the loop calls parts of the network instead, the largest of them is seen from the third step on.

    An ordinary network is seen in its own pass. A compiled one is run once more beside it without gradients, random
    states and buffers put back: hooks would have it compiled anew.

    Args:
        model: The module that the loop calls; bare, compiled, or in a wrapper for several processes.

    Attributes:
        seen: What was seen last.
        batch_size: Samples of the first pass; 0 before it.
        architecture: The graph of the first pass; None before it, or where it could not be had.
        unseen: Why not, in words.
    """

    def __init__(self, model: nn.Module) -> None:
        self.inner, _ = unwrapped(model)
        self.seen: Seen | None = None
        self.batch_size = 0
        self.architecture: Architecture | None = None
        self.unseen: list[str] = []
        self._left = self._samples = 0  # passes to be seen, and samples of the one that runs
        self._ranges = UnitRanges(_SAMPLES)
        self._looking = contextlib.ExitStack()
        self._open = False
        self._attached = contextlib.ExitStack()
        self._calls: Calls | None = None
        self._attach(model, "")

    def _attach(self, model: nn.Module, prefix: str) -> None:
        """See the passes of a module, the network or a part of it."""
        self._network, self._compiled = unwrapped(model)
        self._prefix = prefix
        inside = model is self._network and not self._compiled
        self._for_ranges, self._for_all = (Collector(self._network, slopes=all, inside=inside) for all in (False, True))
        self._collector = self._for_all
        call = model._compiled_call_impl
        if call is not None:  # `model.compile()`: what is hooked would be compiled too

            def called(*args: Any, **kwargs: Any) -> Any:
                self.before(model, args, kwargs)
                return call(*args, **kwargs)

            model._compiled_call_impl = called
            self._attached.callback(setattr, model, "_compiled_call_impl", call)
            return
        self._attached.callback(model.register_forward_pre_hook(Hook(self.before), with_kwargs=True).remove)
        self._attached.callback(model.register_forward_hook(Hook(self.behind), always_call=True).remove)

    def stepped(self) -> None:
        """Called behind each step: where it came without a pass, the part that the loop calls is looked for."""
        if self.batch_size or self._compiled or self._prefix:
            return
        if self._calls is None:
            self._calls = Calls(self.inner)
            self._attached.callback(self._calls.close)
            return
        part = self._calls.largest()
        if part is not None:
            self._attached.close()
            self._attach(self.inner.get_submodule(part), f"{part}.")

    def look(self) -> None:
        """See the passes that come."""
        self.seen = None
        self._left = _PASSES
        if self._ranges.samples >= _SAMPLES:
            self._ranges = UnitRanges(_SAMPLES)

    @property
    def due(self) -> int:
        """Passes that a look takes with batches as they are."""
        return min(_PASSES, math.ceil(_SAMPLES / max(1, self.batch_size)))

    def close(self) -> None:
        """Take every hook off."""
        self._looking.close()
        self._attached.close()

    def before(self, model: nn.Module, args: Any, kwargs: Any) -> None:  # noqa: ARG002
        """Called ahead of each pass."""
        if torch.compiler.is_compiling() or self._open:
            return
        if not (self._left and self._network.training and torch.is_grad_enabled()):
            return
        self._samples = _count((args, kwargs))
        if not self.batch_size:
            self.batch_size = self._samples
            self._trace(args, kwargs)
        self._left = 0 if self._ranges.samples + self._samples >= _SAMPLES else self._left - 1
        self._collector = self._for_ranges if self._left else self._for_all
        if self._compiled:
            with aside(self._network), self._collector.looking():
                self._network.forward(*args, **kwargs)
            self._take()
        else:
            self._open = True
            self._looking.enter_context(self._collector.looking())

    def behind(self, model: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG002
        """Called behind each pass, also where it failed."""
        if torch.compiler.is_compiling() or not self._open:
            return
        self._open = False
        self._looking.close()
        if output is not None:  # None where the pass failed
            self._take()

    def _trace(self, args: Any, kwargs: Any) -> None:
        """The graph, by a copy of the network and a few samples of the batch."""
        size = sum(p.numel() for p in self._network.parameters())
        if size > _COPIED:
            self.unseen.append(f"the graph: {size:,} parameters are too many to be copied")
            return

        def some(tensor: Tensor) -> Tensor:
            return tensor[:_TRACED] if tensor.ndim and len(tensor) == self._samples else tensor

        inputs = exchanged([list(args), dict(kwargs)], some)
        try:
            found = architecture(self._network, inputs, forward=lambda model, x: model(*x[0], **x[1]))
        except Exception as error:  # the network is anybody's, and the training goes on without its graph
            self.unseen.append(f"the graph: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
            return
        layers = tuple(replace(layer, name=f"{self._prefix}{layer.name}") for layer in found.layers)
        self.architecture = replace(found, layers=layers, idle=tuple(f"{self._prefix}{name}" for name in found.idle))

    @torch.no_grad()
    def _take(self) -> None:
        """Turn what the collector holds into numbers, and let go of it."""
        outputs = {name: output for name, output in self._collector.activations.items() if output.numel()}
        slopes = self._collector.slopes
        self._collector.forget()
        self._ranges.add(outputs, self._samples)
        if self._left or not outputs:
            return
        ranges = self._ranges.ranges() if self._ranges.samples >= _SAMPLES / 2 else {}
        self.seen = Seen(
            tuple(f"{self._prefix}{name}" for name in outputs),
            tuple(output.shape[-1] for output in outputs.values()),
            torch.stack([_row(output, ranges.get(name), slopes.get(name)) for name, output in outputs.items()]),
        )


def _row(output: Tensor, ends: Tensor | None, slopes: Tensor | None) -> Tensor:
    unknown = torch.full((), torch.nan, device=output.device)
    dead = unknown if ends is None else (ends[0] == ends[1]).float().mean()
    flat = unknown if slopes is None or not slopes.numel() else (slopes < _FLAT).float().mean()
    zeros = (few(output.movedim(-1, 1)) == 0).float().mean()
    return torch.stack((dead, flat, zeros, *moments(output)))


def _count(arguments: Any) -> int:
    """Samples in a batch: the length of its first tensor."""
    values = [dict(part) if isinstance(part, Mapping) else part for part in arguments]
    return next((len(tensor) for _, tensor in tensors(values) if tensor.ndim), 1)
