"""Checkup: what is wrong with a training program, found on copies of it."""

from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from trainwell.diagnoses import Diagnosis
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.gather import gather
from trainwell.diagnoses.judge import judge
from trainwell.errors import BadValue
from trainwell.probes.experiment import Loss
from trainwell.probes.parts import Build, Parts, parts
from trainwell.probes.state import same_gradients, untouched


def checkup(
    model: nn.Module,
    loss: Loss,
    optimizer: Optimizer,
    train: Any,
    valid: Any = None,
    *,
    batch_size: int | None = None,
    epochs: int,
    scheduler: LRScheduler | None = None,
    task: str | None = None,
    build: Build | None = None,
    seconds: float | None = None,
    seed: int = 0,
) -> Diagnosis:
    """Look at what a training script holds, train copies of it for a while, and say what is wrong.

    The model, its gradients, the optimizer, the samples and all random states are left bit for bit as they were. The
    same program and seed give the same findings: how long is trained goes by the size of the program, not by a clock.

    Args:
        model: Any module, in any mode, compiled or not.
        loss: (output, target) -> scalar tensor. A function may reach for the model: on a copy it is given the copy.
        optimizer: A torch optimizer over the parameters of the model.
        train: What is trained on: a pair (x, y) of arrays, tensors or structures of tensors; a Dataset of pairs; or a
            DataLoader.
        valid: What is looked at, in the same shapes; without it a fifth of the training samples is held out.
        batch_size: Samples a step; that of the loader where None.
        epochs: Passes over the training samples that the script makes.
        scheduler: The scheduler of the optimizer, if it has one.
        task: `classification` or `regression`; told by the targets where None.
        build: build(seed) -> (model, loss, optimizer, train, valid, batch_size, epochs): the script anew, with another
            random start. With it, what is due to the start is told from what is not.
        seconds: Most seconds to take, above 0. A checkup that it ends is `cut short`, which is among the notes; where
            it is None, or long enough, it changes nothing.
        seed: Seed of everything that is drawn.

    Returns:
        The findings, the likeliest cause first; none above a note where nothing is wrong as far as can be seen.

    Raises:
        BadValue: An argument is not what it has to be, or something cannot be copied.
        BadData: There are no samples, or inputs and targets are not equally many.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
        >>> y = (x[:, 0] > 0).long()
        >>> model = nn.Sequential(nn.Linear(4, 2), nn.Softmax(1))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> found = checkup(model, nn.CrossEntropyLoss(), optimizer, (x, y), batch_size=16, epochs=2)
        >>> "output-activation-mismatch" in [finding.problem for finding in found]
        True
    """
    _, evidence = looked_at(
        model,
        loss,
        optimizer,
        train,
        valid,
        batch_size=batch_size,
        epochs=epochs,
        scheduler=scheduler,
        task=task,
        build=build,
        seconds=seconds,
        seed=seed,
    )
    return judge(evidence)


def looked_at(
    model: nn.Module,
    loss: Loss,
    optimizer: Optimizer,
    train: Any,
    valid: Any,
    *,
    batch_size: int | None,
    epochs: int,
    scheduler: LRScheduler | None,
    task: str | None,
    build: Build | None,
    seconds: float | None,
    seed: int,
) -> tuple[Parts, Evidence]:
    """The program and the evidence on it; arguments and errors are those of `checkup`."""
    if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
        raise BadValue(f"seconds={seconds!r} is not possible: expected a number above 0, or None for no cap.")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise BadValue(f"seed={seed!r} is not possible: expected a whole number of 0 or more.")
    if build is not None and not callable(build):
        raise BadValue(
            f"build is {type(build).__name__}; expected a function: build(seed) -> "
            "(model, loss, optimizer, train, valid, batch_size, epochs)."
        )
    # A data set or a loader may draw where it is read: what it draws depends on the seed as well, and is put back.
    with untouched(seed=seed), same_gradients(model):
        given = parts(
            model,
            loss,
            optimizer,
            train,
            valid,
            batch_size=batch_size,
            epochs=epochs,
            scheduler=scheduler,
            task=task,
            seed=seed,
        )
        return given, gather(given, build=build, seconds=seconds, seed=seed)
