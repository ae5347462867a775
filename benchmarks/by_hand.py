"""The reference: a training loop written by hand for one network, with everything tuned that one can tune."""

import math
import time
from itertools import count

import torch
from torch import nn
from torch.nn import functional

from machine import keep_memory
from networks import NETWORKS
from task import ADAMW_DECAY, ADAMW_LR, MOMENTUM, SGD_DECAY, SGD_LR, Task, Turn, digits, image_stream

AVERAGE = 0.999
MAX_NORM = 1.0
RATES = [0.5 + 0.5 * math.cos(math.pi * step / 1000) for step in range(1000)]


def prepare(task: Task, variant: str) -> Turn:
    """A turn of the loop.

    Args:
        task: What to train.
        variant: `tuned` for images; for the mlp `bare` (forward, backward, step) or `features` (what Trainwell's step
            does: shuffled rows, rate, clipping, average of the weights, sum of the loss, check that it is finite).
    """
    keep_memory()
    torch.set_float32_matmul_precision("medium")
    torch.manual_seed(task.seed)
    if task.network != "mlp":
        return _images(task)
    return _bare(task.batch) if variant == "bare" else _features(task.batch)


def _images(task: Task) -> Turn:
    network = NETWORKS[task.network]().to(memory_format=torch.channels_last).train()
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(
        parameters, lr=SGD_LR, momentum=MOMENTUM, weight_decay=SGD_DECAY, nesterov=True, fused=True
    )
    stream = image_stream(task)
    steps_done = count()

    def turn(warm_up: int, steps: int) -> float:
        total = torch.zeros(())
        start = time.perf_counter()
        for step in range(warm_up + steps):
            if step == warm_up:
                start = time.perf_counter()
            x, y = next(stream)
            optimizer.param_groups[0]["lr"] = SGD_LR * RATES[next(steps_done) % len(RATES)]
            with torch.autocast("cpu", torch.bfloat16):
                loss = functional.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return time.perf_counter() - start

    return turn


def _bare(batch: int) -> Turn:
    network, inputs, labels = NETWORKS["mlp"](), *digits()
    optimizer = torch.optim.AdamW(network.parameters(), lr=ADAMW_LR, weight_decay=ADAMW_DECAY, fused=True)
    last = len(labels) - batch

    def turn(warm_up: int, steps: int) -> float:
        start = time.perf_counter()
        for step in range(warm_up + steps):
            if step == warm_up:
                start = time.perf_counter()
            first = step * batch % last
            loss = functional.cross_entropy(network(inputs[first : first + batch]), labels[first : first + batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return time.perf_counter() - start

    return turn


def _features(batch: int) -> Turn:
    network, inputs, labels = NETWORKS["mlp"](), *digits()
    parameters = list(network.parameters())
    averages = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.AdamW(parameters, lr=ADAMW_LR, weight_decay=ADAMW_DECAY, fused=True)

    def turn(warm_up: int, steps: int) -> float:
        total = torch.zeros(())
        rows = torch.randperm(len(labels)).split(batch)
        start = time.perf_counter()
        for step in range(warm_up + steps):
            if step == warm_up:
                start = time.perf_counter()
            taken = rows[step % (len(rows) - 1)]
            optimizer.param_groups[0]["lr"] = ADAMW_LR * RATES[step % len(RATES)]
            loss = functional.cross_entropy(network(inputs.index_select(0, taken)), labels.index_select(0, taken))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, MAX_NORM)
            optimizer.step()
            with torch.no_grad():
                torch._foreach_lerp_(averages, parameters, 1 - AVERAGE)
            total += loss.detach()
            if not math.isfinite(loss.item()):
                raise FloatingPointError(f"The loss of step {step} is not finite.")
        return time.perf_counter() - start

    return turn
