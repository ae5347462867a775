"""Programs to try the doctor on: a folder of cases in faultbench's format, and the healthy ones that stand here."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from healthy.index import programs
from healthy.program import Program
from trainwell.probes.parts import Build, Parts, parts

RUNNER = "faultbench"
HEALTHY = "healthy"  # the family of our own


def runner(folder: Path) -> ModuleType:
    """faultbench.py of a folder as the module `faultbench`; importable by that name from then on, its neighbours too.

    Raises:
        SystemExit: There is none, or another one is in use.
    """
    file = (folder / f"{RUNNER}.py").resolve()
    if not file.is_file():
        raise SystemExit(f"There is no {RUNNER}.py in {folder}; give its folder with --faultbench.")
    known = sys.modules.get(RUNNER)
    if known is not None:
        if Path(known.__file__ or "").resolve() != file:
            raise SystemExit(f"{known.__file__} is in use already, {file} cannot be: one runner in a process.")
        return known
    spec = importlib.util.spec_from_file_location(RUNNER, file)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[RUNNER] = made
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # behind our own: names of ours come first
    spec.loader.exec_module(made)
    return made


def of_case(bench: ModuleType, case: dict[str, Any]) -> tuple[Parts, Build]:
    """A case as a checkup takes it, and the same with other seeds."""
    model, loss, optimizer, train, valid, batch_size, epochs = bench.build(case)
    task = bench.spec_task(case)
    made = parts(model, loss, optimizer, train, valid, batch_size=batch_size, epochs=epochs, task=task)
    return made, lambda seed: bench.build(case, seed)


def healthy_cases(text: str = "") -> list[dict[str, Any]]:
    """The healthy programs whose name contains `text`, labelled as clean cases of the family `healthy`."""
    truth: dict[str, list[str]] = {name: [] for name in ("labels", "accepts", "also_works", "cause")}
    whole = {"family": HEALTHY, "kind": "clean", **truth}
    return [{"id": f"{HEALTHY}/{name}", "name": name, **whole} for name in programs(text)]


def of_healthy(name: str) -> tuple[Parts, Build]:
    """A healthy program as a checkup takes it, and the same with other seeds.

    Clipping belongs to the loop, which a checkup does not see. Several batches a step are given as one of their size.
    """
    build = programs()[name]
    return _parts(build(0)), lambda seed: _parts(build(seed))


def _parts(made: Program) -> Parts:
    model, loss = made.model, made.loss
    if made.autocast:
        model, loss = _Autocast(model), _autocast(loss)
    return parts(
        model,
        loss,
        made.optimizer,
        (made.train.x, made.train.y),
        (made.valid.x, made.valid.y),
        batch_size=made.batch_size * made.accumulate,
        epochs=made.epochs,
        scheduler=made.scheduler,
        task=made.task,
    )


class _Autocast(nn.Module):
    """A model whose passes run under autocast, as the script's do."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Any) -> Any:
        """What the model gives."""
        with torch.autocast("cpu", torch.bfloat16):
            return self.model(x)


def _autocast(loss: Callable[[Any, Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    def under(output: Any, y: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return loss(output, y)

    return under
