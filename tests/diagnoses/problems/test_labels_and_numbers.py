"""Targets that do not belong to their inputs, and numbers that are none: faulty, clean, and healthy look-alikes."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses.problems import Suspicion
from trainwell.probes.parts import Parts, parts

Ask = Callable[..., Suspicion | None]


def blobs(
    shuffled: float = 0.0,
    lr: float = 0.1,
    change: Callable[[Tensor], Tensor] | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Parts:
    """Six blobs; of the training labels a share is dealt out anew."""
    torch.manual_seed(0)
    y = torch.arange(300) % 6
    x = torch.randn(300, 6) + 3 * nn.functional.one_hot(y, 6)
    mixed = torch.arange(round(200 * shuffled))
    y[mixed] = y[mixed[torch.randperm(len(mixed))]]
    x[:200] = x[:200] if change is None else change(x[:200])
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 6))
    given = torch.optim.SGD(model.parameters(), lr=lr)
    used = nn.CrossEntropyLoss() if loss is None else loss
    return parts(model, used, given, (x[:200], y[:200]), (x[200:], y[200:]), batch_size=20, epochs=10)


def photos() -> Parts:
    """The sign of a product of two among twelve features: neighbours say little, yet it can be learnt."""
    torch.manual_seed(1)
    x = torch.randn(500, 12)
    y = (x[:, 0] + 0.3 * x[:, 1] > 0).long()
    model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 2))
    given = torch.optim.Adam(model.parameters(), lr=0.01)
    return parts(model, nn.CrossEntropyLoss(), given, (x[:350], y[:350]), (x[350:], y[350:]), batch_size=20, epochs=5)


def broken() -> Parts:
    """Sound labels, and a network whose rate is so low that it learns nothing."""
    return blobs(lr=1e-7)


clean, random, spoilt = blobs, partial(blobs, shuffled=1.0), partial(blobs, shuffled=0.7)


@pytest.mark.parametrize("program", [random, spoilt])
def test_labels_that_do_not_belong_to_their_inputs(suspect: Ask, program: Callable[[], Parts]) -> None:
    found = suspect("labels-unlearnable", program)
    assert found is not None
    assert found.sign in ("heart", "chance", "noise")
    assert found.where == "targets"


@pytest.mark.parametrize("program", [clean, photos, broken])
def test_labels_that_can_be_learnt(suspect: Ask, program: Callable[[], Parts]) -> None:
    assert suspect("labels-unlearnable", program) is None


def words(shuffled: bool) -> Parts:
    """Words of twelve letters: those early in the alphabet outnumber the late ones, or labels are dealt out anew."""
    torch.manual_seed(0)
    x = torch.randint(0, 20, (400, 12))
    y = ((x < 8).sum(1) > (x >= 12).sum(1)).long()
    y = y[torch.randperm(400)] if shuffled else y
    model = nn.Sequential(nn.Embedding(20, 16), nn.Flatten(), nn.Linear(192, 32), nn.ReLU(), nn.Linear(32, 2))
    given = torch.optim.Adam(model.parameters(), lr=0.01)
    return parts(model, nn.CrossEntropyLoss(), given, (x[:250], y[:250]), (x[250:], y[250:]), batch_size=25, epochs=8)


babble, language = partial(words, True), partial(words, False)


def test_words_that_are_only_learnt_by_heart(suspect: Ask) -> None:
    """No learner knows what lies near a word; but what holds for no other sample is known to."""
    found = suspect("labels-unlearnable", babble, "sound", "rate-/10")
    assert found is not None
    assert found.sign == "heart"
    assert suspect("labels-unlearnable", language, "sound", "rate-/10") is None


def twins() -> Parts:
    """Each input comes three times, with each of the labels."""
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)).repeat(3, 1)
    model = nn.Linear(4, 3)
    given = torch.optim.SGD(model.parameters(), lr=0.1)
    return parts(model, nn.CrossEntropyLoss(), given, (x, torch.arange(180) // 60), batch_size=20, epochs=2)


def test_equal_inputs_with_other_labels(suspect: Ask) -> None:
    found = suspect("labels-unlearnable", twins)
    assert found is not None
    assert found.sign == "conflict"


def holes(x: Tensor) -> Tensor:
    x[3, 1] = torch.nan
    return x


def root(output: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(output, target) + (output.sum() * 0).sqrt()


missing, rooted = partial(blobs, change=holes), partial(blobs, loss=root)


@pytest.mark.parametrize(("program", "sign"), [(missing, "data"), (rooted, "start")])
def test_numbers_that_are_none(suspect: Ask, program: Callable[[], Parts], sign: str) -> None:
    found = suspect("non-finite", program)
    assert found is not None
    assert found.sign == sign


def overflowing() -> Parts:
    """A regression that diverges until nothing is left."""
    x = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    model = nn.Linear(4, 1)
    given = torch.optim.SGD(model.parameters(), lr=100.0)
    return parts(model, nn.MSELoss(), given, (x, x.sum(1, keepdim=True)), batch_size=10, epochs=20)


def test_a_training_that_breaks(suspect: Ask) -> None:
    found = suspect("non-finite", overflowing)
    assert found is not None
    assert found.sign == "training"
    assert 0 < found.evidence["step"] < found.evidence["planned"]


def test_all_numbers_finite(suspect: Ask) -> None:
    assert suspect("non-finite", clean) is None
