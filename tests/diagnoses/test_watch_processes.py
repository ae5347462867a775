"""A doctor in each of two processes that train together."""

import contextlib
import os
from pathlib import Path

import torch
import torch.multiprocessing
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from trainwell.diagnoses.watch import watch


def work(rank: int, folder: str) -> None:
    """The same training without and with a doctor, in one of two processes, each with half of the batch."""
    store = torch.distributed.FileStore(os.path.join(folder, "store"), 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    try:
        for watched in (False, True):
            train(rank, folder, watched)
    finally:
        torch.distributed.destroy_process_group()


def train(rank: int, folder: str, watched: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    model = DistributedDataParallel(network)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(64, 8, generator=torch.Generator().manual_seed(rank))
    y = (x.sum(1) > 0).long()
    with watch(model, optimizer, total_steps=25) if watched else contextlib.nullcontext() as doctor:
        for _ in range(25):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            if doctor is not None:
                doctor.step(loss)
    if doctor is not None:
        torch.save(doctor.evidence().json(), os.path.join(folder, f"evidence-{rank}"))
    torch.save(network.state_dict(), os.path.join(folder, f"weights-{watched}-{rank}"))


def test_processes_train_alike_and_see_the_common_gradient(tmp_path: Path) -> None:
    other_process = torch.multiprocessing.get_context("spawn").Process(target=work, args=(1, str(tmp_path)))
    other_process.start()
    work(0, str(tmp_path))
    other_process.join(60)
    assert other_process.exitcode == 0
    for rank in (0, 1):
        plain, other = (torch.load(tmp_path / f"weights-{watched}-{rank}") for watched in (False, True))
        assert all(torch.equal(plain[name], other[name]) for name in plain)
    first, second = (torch.load(tmp_path / f"evidence-{rank}", weights_only=False) for rank in (0, 1))
    for one, two in zip(first["looks"], second["looks"], strict=True):
        assert one["gradients"] == two["gradients"]  # the mean of both, as the optimizer gets it
        assert one["units"][0]["name"] == "2"
        assert one["units"] != two["units"]  # each of its own samples
