"""Repair: what is broken is mended by the smallest edit, and what is sound is left as it is."""

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from trainwell.diagnoses import Diagnosis
from trainwell.diagnoses.pairs import edited
from trainwell.diagnoses.repair import Repair, repair
from trainwell.edits import edits
from trainwell.errors import BadValue
from trainwell.probes.parts import parts

Script = tuple[Any, ...]
Ring = Callable[..., Script]


def scored(script: Script) -> float:
    """Accuracy on the validation samples after the training, by a loop of our own."""
    model, loss, optimizer, (x, y), (x_valid, y_valid), batch_size, epochs = script
    for _ in range(epochs):
        for numbers in torch.randperm(len(x)).split(batch_size):
            optimizer.zero_grad()
            loss(model(x[numbers]), y[numbers]).backward()
            optimizer.step()
    return float((model(x_valid).argmax(1) == y_valid).float().mean())


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_rate_far_too_high_is_mended_and_the_script_is_left_as_it_was(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainwell.diagnoses.repair.BUDGET", 3.0)  # of 60: the program is small

    def build(seed: int) -> Script:
        return ring(seed, 30.0)

    model, loss, optimizer, train, valid, batch_size, epochs = build(0)
    model(train[0]).sum().backward()
    gradients = [p.grad for p in model.parameters()]
    weights, samples = copy.deepcopy(model.state_dict()), copy.deepcopy((train, valid))
    random.seed(4)
    np.random.seed(4)
    torch.manual_seed(4)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # type: ignore[index]
    made = repair(model, loss, optimizer, train, valid, batch_size=batch_size, epochs=epochs, build=build)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[:2]  # type: ignore[index]
    assert torch.equal(torch.get_rng_state(), states[2])
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert all(p.grad is gradient for p, gradient in zip(model.parameters(), gradients, strict=True))
    assert optimizer.param_groups[0]["lr"] == 30.0
    assert not optimizer.state
    assert all(torch.equal(a, b) for a, b in zip((*train, *valid), (*samples[0], *samples[1]), strict=True))
    assert made.changed
    assert made.effect is not None
    assert made.effect.mean > 0.1
    assert made.effect.interval[0] > 0
    assert scored(build(9)) < 0.8
    mended_script = made.build(9)
    assert scored(mended_script) > 0.85
    assert made.diff in str(made)


def test_a_healthy_program_is_left_as_it_is(ring: Ring) -> None:
    model, loss, optimizer, train, valid, batch_size, epochs = ring(lr=0.02)
    made = repair(model, loss, optimizer, train, valid, batch_size=batch_size, epochs=epochs)
    assert made.diagnosis.healthy, str(made.diagnosis)
    assert not made.changed
    assert made.effect is None
    assert made.why == "nothing was found that is more than a note"
    same = made.build(0)
    assert all(torch.equal(a, b) for a, b in zip(same[0].parameters(), model.parameters(), strict=True))
    assert same[0] is not model
    assert same[3] is train
    assert (same[5], same[6]) == (batch_size, epochs)


def test_the_lines_do_what_build_does(ring: Ring) -> None:
    script = ring(lr=30.0)
    program = parts(*script[:5], batch_size=script[5], epochs=script[6])
    made, done = edited(program, [edits.part("optimizer", to="sgd", lr=0.1), edits.part("batch-size", size=8)], 0)
    names = dict(zip(("model", "loss", "optimizer", "train", "valid", "batch_size", "epochs"), script, strict=True))
    names |= {"torch": torch, "nn": nn}
    exec("\n".join(one.code for _, one in done), names)
    assert names["batch_size"] == made.batch_size == 8
    assert str(names["optimizer"]) == str(made.optimizer)


def test_samples_that_were_changed_or_split_off_come_as_pairs_and_others_as_they_came(ring: Ring) -> None:
    model, loss, optimizer, (x, y), valid, batch_size, epochs = ring()
    train = TensorDataset(100 * x + 7, y)

    def repaired(edit: str, seen: Any, **args: Any) -> Script:
        given = parts(model, loss, optimizer, train, seen, batch_size=batch_size, epochs=epochs)
        change = edits.part(edit, **args)
        return Repair(Diagnosis(()), (change,), (), None, "", given, (train, seen), None).build(0)

    moved = repaired("standardise-inputs", valid)
    torch.testing.assert_close(moved[3][0].mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    assert moved[4][0].mean() < -0.01  # by the numbers of training
    same = repaired("rate", valid, factor=0.5)
    assert same[3] is train
    assert same[4] is valid
    split = repaired("rate", None, factor=0.5)
    assert [len(part) for pair in split[3:5] for part in pair] == [102, 102, 26, 26]
    assert split[2].param_groups[0]["lr"] == optimizer.param_groups[0]["lr"] / 2


def test_what_cannot_be_is_refused(ring: Ring) -> None:
    model, loss, optimizer, train, valid, batch_size, epochs = ring()
    with pytest.raises(BadValue, match="seconds=0"):
        repair(model, loss, optimizer, train, valid, batch_size=batch_size, epochs=epochs, seconds=0)
