"""Checkpoints: all that a run needs to go on as if nothing had happened, in one file, without pickle."""

from typing import Any

import torch
from torch import Tensor

from trainwell.errors import BadRun
from trainwell.training.loop import Trainer


def state_of(trainer: Trainer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by name, and the plain rest, of a trainer between two steps.

    No random state is among them: every draw is a function of the seed and the step.
    """
    tensors = {f"model.{name}": value for name, value in trainer.model.state_dict().items()}
    plain: dict[str, dict[str, Any]] = {}
    for index, values in trainer.optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                plain.setdefault(str(index), {})[name] = value
    if trainer.plan.average is not None:
        tensors |= {f"average.{name}": value for name, value in trainer.plan.average.state_dict().items()}
    tensors["loop.running_loss"] = trainer.running_loss
    tensors |= {f"loop.memory.{name}": value for name, value in trainer.memory().items()}
    state = {
        "step": trainer.step,
        "seconds": trainer.seconds,
        "running_steps": trainer.running_steps,
        "best_score": trainer.best_score,
        "best_loss": trainer.best_loss,
        "best_epoch": trainer.best_epoch,
        "stopped_early": trainer.stopped_early,
        "losses": trainer.losses,
        "optimizer": plain,
    }
    return _unshared(tensors), state


def restore(trainer: Trainer, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Put a trainer into a saved state.

    Raises:
        BadRun: The state belongs to another network.
    """
    model = _under("model.", tensors)
    mine = {name: tuple(value.shape) for name, value in trainer.model.state_dict().items()}
    saved = {name: tuple(value.shape) for name, value in model.items()}
    if mine != saved:
        differing = sorted(set(mine.items()) ^ set(saved.items()))[:3]
        raise BadRun(f"The checkpoint belongs to another network: they differ in {differing}. Start anew with --force.")
    trainer.model.load_state_dict(model)
    moments: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in state["optimizer"].items()}
    for place, value in _under("optimizer.", tensors).items():
        number, _, name = place.partition(".")
        moments.setdefault(int(number), {})[name] = value
    groups = trainer.optimizer.state_dict()["param_groups"]
    for index, parameter in enumerate(p for group in trainer.optimizer.param_groups for p in group["params"]):
        for name, value in moments.get(index, {}).items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                # Fused steps walk through memory: a moment has to lie in it as its parameter does.
                moments[index][name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    trainer.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    if trainer.plan.average is not None:
        trainer.plan.average.load_state_dict(_under("average.", tensors))
    trainer.running_loss.copy_(tensors["loop.running_loss"])
    trainer.remember(_under("loop.memory.", tensors))
    trainer.step, trainer.seconds = state["step"], state["seconds"]
    trainer.running_steps = state["running_steps"]
    trainer.best_score, trainer.best_loss = state["best_score"], state["best_loss"]
    trainer.best_epoch = state["best_epoch"]
    trainer.stopped_early = state["stopped_early"]
    trainer.losses = list(state["losses"])


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tied weights are saved once for each name, since the file holds no references."""
    seen: set[int] = set()
    result = {}
    for name, value in tensors.items():
        place = value.untyped_storage().data_ptr()
        result[name] = value.clone() if place in seen and place else value
        seen.add(place)
    return result


def weights_of(model: torch.nn.Module) -> dict[str, Tensor]:
    """The weights and buffers of a model, ready to be saved."""
    return _unshared(dict(model.state_dict()))
