"""Calibration: time a few real steps of each way to compute, and take the fastest that keeps the numbers.

The choice is cached for this machine, network, batch and version of torch, so that a rerun decides alike.
"""

import contextlib
import copy
import hashlib
import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from trainwell.errors import StorageFailed
from trainwell.record import replace
from trainwell.training.engine import Engine, running
from trainwell.training.machine import cpu_name, give_back_memory, usable_threads
from trainwell.training.memory import bytes_saved

_WORTH_IT = 1.15  # a smaller gain keeps the plain choice, so that two runs of one command agree
_TURNS, _TURNS_OF_SMALL_STEPS = 3, 15
SAMPLES = 128  # enough for the ratio between two ways to compute; the time of a step follows in proportion
_LEAST_COSINE = 0.95  # between the gradients of a candidate and those of fp32
_HOPELESS = 3.0  # a first step this many times slower than the plain one is not timed again, unless it is small
_SMALL_STEP_SECONDS = 0.05  # up to here one thread may beat several
_STEPS_TO_REPAY_COMPILING = 2000


@dataclass(frozen=True)
class Calibration:
    """What was timed and chosen.

    Args:
        precision: See `Engine`.
        layout: See `Engine`.
        compile: See `Engine`.
        threads: See `Engine`.
        step_seconds: Expected seconds for a step of the whole batch.
        gain: How many times faster than the plain choice.
        timed: Seconds for the samples timed, by candidate.
        saved_bytes: Bytes a sample keeps for the backward pass under the choice.
        cached: Whether an earlier calibration was used.
    """

    precision: str
    layout: str
    compile: bool
    threads: int
    step_seconds: float
    gain: float
    timed: dict[str, float]
    saved_bytes: int
    cached: bool = False

    def engine(self, device: torch.device) -> Engine:
        """The engine of this choice."""
        return Engine(device, self.precision, self.layout, self.compile, self.threads)


def calibrate(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    *,
    device: torch.device,
    batch_size: int,
    steps: int,
    threads: int | None = None,
    precision: str = "auto",
    layout: str = "auto",
    compile: str = "auto",
    cache: Path | None = None,
) -> Calibration:
    """Choose how to compute, by timing copies of the model; the model itself is left as it was.

    Args:
        model: The network.
        loss: Output, target -> scalar.
        x: Some training samples, (n, ...); at most 128 are used.
        y: Their targets.
        device: Where to train.
        batch_size: Samples of a real step.
        steps: Steps of the run: few steps do not repay compiling.
        threads: Threads to take; None tries all that may be used, and one alone, which is faster for small steps.
        precision: `auto`, or the one to take; likewise `layout` and `compile`.
        cache: Folder of earlier calibrations; None for none.
    """
    samples = min(SAMPLES, len(x), batch_size)
    x, y = x[:samples], y[:samples]
    engines = list(_candidates(x, device, threads, steps, precision, layout, compile))
    file = None if cache is None else cache / f"{_key(model, x, batch_size, engines)}.json"
    if file is not None:
        found = _read(file)
        if found is not None:
            return found
    plain = _Trial(engines[0], model, loss, x, y)
    kept = [plain]
    for engine in engines[1:]:
        if engine.threads < plain.engine.threads and plain.first > _SMALL_STEP_SECONDS:
            continue  # a step of this size gains by every thread
        give_back_memory()  # or the peak of the run would be set here, by what the trials leave between them
        trial = _Trial(engine, model, loss, x, y)
        if trial.keeps_numbers(plain) and trial.first < max(_HOPELESS * plain.first, _SMALL_STEP_SECONDS):
            kept.append(trial)
    turns = _TURNS if plain.first > _SMALL_STEP_SECONDS else _TURNS_OF_SMALL_STEPS
    for turn in range(turns):
        fastest_so_far = min(trial.seconds for trial in kept) if turn >= _TURNS else 0.0
        for trial in kept:
            if turn < _TURNS or trial.seconds < 2 * fastest_so_far:
                trial.turn()
    chosen = kept[choice([trial.seconds for trial in kept])]
    result = Calibration(
        precision=chosen.engine.precision,
        layout=chosen.engine.layout,
        compile=chosen.engine.compile,
        threads=chosen.engine.threads,
        step_seconds=chosen.seconds * batch_size / samples,
        gain=plain.seconds / chosen.seconds,
        timed={_name(trial.engine): trial.seconds for trial in kept},
        saved_bytes=chosen.saved_bytes // samples,
    )
    if file is not None:
        with contextlib.suppress(StorageFailed, OSError):  # a cache that cannot be written is no reason to stop
            replace(file, lambda path: _write(path, result))
    return result


def choice(seconds: list[float]) -> int:
    """Which of several ways to take, by their times: the fastest, or the first where that gains little."""
    fastest = min(range(len(seconds)), key=seconds.__getitem__)
    return fastest if seconds[0] / seconds[fastest] >= _WORTH_IT else 0


def _candidates(
    x: Tensor, device: torch.device, threads: int | None, steps: int, precision: str, layout: str, compile: str
) -> Iterator[Engine]:
    """The ways to compute, the plainest first; what is pinned is not varied."""
    precisions = ("fp32", "bf16") if precision == "auto" else (precision,)
    layouts = ("contiguous", "channels_last") if x.dim() == 4 else ("contiguous",)
    layouts = layouts if layout == "auto" else (layout,)
    worth_compiling = device.type == "cuda" and steps >= _STEPS_TO_REPAY_COMPILING
    compiles = ((False, True) if worth_compiling else (False,)) if compile == "auto" else (compile == "yes",)
    numbers = [threads or usable_threads()] + [1] * (threads is None and device.type == "cpu")
    for number in dict.fromkeys(numbers):
        for compiled in compiles:
            for precision_ in precisions:
                for form in layouts:
                    yield Engine(device, precision_, form, compiled, number)


class _Trial:
    """One way to compute, tried on a copy of the model."""

    def __init__(
        self, engine: Engine, model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor
    ) -> None:
        self.engine, self._loss, self._x, self._y = engine, loss, x, y
        self._model = engine.place(copy.deepcopy(model)).train()
        self._network = engine.network(self._model)
        self._times: list[float] = []
        with running(engine):
            began = time.perf_counter()
            with _nothing_dropped(self._model):  # masks differ with the layout and the number format
                self._step()
            self.first = time.perf_counter() - began
            gradients = [p.grad.flatten().double() for p in self._model.parameters() if p.grad is not None]
            self._gradient = torch.cat(gradients) if gradients else torch.zeros(1)
            with self._fixed_random():
                self.saved_bytes = bytes_saved(self._model, lambda: engine.forward(self._model, x))

    @property
    def seconds(self) -> float:
        return min(self._times)  # what else the machine does only ever adds

    def turn(self) -> None:
        with running(self.engine):
            began = time.perf_counter()
            self._step()
            self._times.append(time.perf_counter() - began)

    def keeps_numbers(self, plain: "_Trial") -> bool:
        """Whether the gradient points where that of the plain trial points."""
        mine, reference = self._gradient, plain._gradient.to(self._gradient.device)
        if not bool(torch.isfinite(mine).all()):
            return False
        return float(torch.nn.functional.cosine_similarity(mine, reference, dim=0)) >= _LEAST_COSINE

    def _step(self) -> None:
        self._model.zero_grad(set_to_none=True)
        with self._fixed_random():
            self._loss(self.engine.forward(self._network, self._x), self._y).backward()
        if self.engine.device.type == "cuda":
            torch.cuda.synchronize(self.engine.device)

    @contextlib.contextmanager
    def _fixed_random(self) -> Iterator[None]:
        """The same random numbers for every candidate; the caller's are left as they were."""
        with torch.random.fork_rng(devices=[self.engine.device] if self.engine.device.type == "cuda" else []):
            torch.manual_seed(0)
            yield


@contextlib.contextmanager
def _nothing_dropped(model: nn.Module) -> Iterator[None]:
    """The model with its dropout layers, ours and torch's, switched off."""
    dropping = [
        module
        for module in model.modules()
        if module.training and (hasattr(module, "draws") or isinstance(module, nn.modules.dropout._DropoutNd))
    ]
    for module in dropping:
        module.training = False
    yield
    for module in dropping:
        module.training = True


def _name(engine: Engine) -> str:
    return "/".join([engine.precision, engine.layout, f"{engine.threads}t"] + ["compiled"] * engine.compile)


def _key(model: nn.Module, x: Tensor, batch_size: int, engines: list[Engine]) -> str:
    machine = torch.cuda.get_device_name(x.device) if x.device.type == "cuda" else cpu_name()
    words = [
        platform.node(),
        machine,
        torch.__version__,
        str(engines),
        repr(model),
        str(sum(parameter.requires_grad for parameter in model.parameters())),
        str(tuple(x.shape)),
        str(batch_size),
    ]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:24]


def _read(file: Path) -> Calibration | None:
    try:
        return Calibration(**(json.loads(file.read_text()) | {"cached": True}))
    except (OSError, ValueError, TypeError):
        return None


def _write(path: Path, result: Calibration) -> None:
    path.write_text(json.dumps(asdict(result)))
