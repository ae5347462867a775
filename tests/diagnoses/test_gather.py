"""Gathering: nothing of the user's is changed, the same comes out twice, and what cannot be had is named."""

import json
import time
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses import gather as module
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.gather import TRIALS, gather
from trainwell.probes.parts import Parts, parts

from .gathered import only, program, same, state


@pytest.fixture(scope="module")
def whole() -> tuple[Parts, dict[str, Any], Evidence]:
    """A program, how it was before all evidence on it was gathered, and this evidence."""
    given = program()
    given.model[3].eval()  # type: ignore[index]
    before = state(given)
    return given, before, gather(given)


def test_everything_is_as_it_was_to_the_bit(whole: tuple[Parts, dict[str, Any], Evidence]) -> None:
    given, before, _ = whole
    after = state(given)
    assert [name for name in before if not same(before[name], after[name])] == []


def test_it_holds_everything_there_is(whole: tuple[Parts, dict[str, Any], Evidence]) -> None:
    _, _, found = whole
    held = {name for name in Evidence.__dataclass_fields__ if getattr(found, name) is None}
    assert held == set()
    assert found.unseen == ()
    assert found.facts.steps == 12
    assert found.watched is not None
    assert (found.watched.taken, found.watched.planned, found.watched.cut) == (12, 12, False)
    assert [look.step for look in found.looks] == [0, 1, 6, 12]
    assert found.facts.groups[0].settings["momentum"] == 0.9
    assert (found.facts.scheduler, found.facts.optimizer, found.facts.has_build) == ("StepLR", "SGD", False)
    assert (found.facts.num_train, found.facts.num_valid, found.facts.own_valid) == (80, 40, True)


def test_trials_are_those_of_the_list_or_say_why_not(whole: tuple[Parts, dict[str, Any], Evidence]) -> None:
    _, _, found = whole
    assert list(found.trials) == list(TRIALS)
    for name, trial in found.trials.items():
        assert (trial.curves is None) == bool(trial.why_not), name
        assert list(trial.edits) == [{"edit": edit, **args} for edit, args in TRIALS[name]], name
    assert found.trials["relu"].curves is None  # there is no other activation
    assert found.trials["no-decay"].curves is None  # and no decay
    lower = found.trials["rate-/10"].curves
    assert lower is not None
    assert found.watched is not None
    assert lower.taken == found.trial_steps == 12
    assert lower.losses[0] == found.watched.losses[0]  # the same start, the same first batch, the same draws
    assert lower.losses[1:] != found.watched.losses[1:]
    longer = found.trials["longer"].curves
    assert longer is not None
    assert (longer.taken, longer.planned) == (36, 36)
    assert found.again is not None
    assert found.again.losses != found.watched.losses


def test_the_same_program_and_seed_give_the_same_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "sound", "no-dropout")
    one, other = (json.dumps(gather(program()).json()) for _ in range(2))
    assert one == other
    assert json.dumps(gather(program(), seed=1).json()) != one


def test_what_is_good_gets_no_trials() -> None:
    x = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long()
    x[:, 0] += 4 * y
    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    given = torch.optim.Adam(model.parameters(), lr=0.1)
    found = gather(parts(model, nn.CrossEntropyLoss(), given, (x, y), (x, y), batch_size=8, epochs=5))
    assert found.watched is not None
    assert found.watched.end is not None
    assert found.watched.end > 0.95
    assert found.trials == {}


def test_what_broke_gets_trials_whatever_it_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly all samples are of class 0, which outputs that are no numbers are taken for."""
    only(monkeypatch, "rate-/10")
    given = program(lr=1e30, scheduler=None)
    x, y = given.train.whole()
    few = (x, torch.where(torch.arange(80) == 40, y, 0))
    given.train = given.valid = parts(given.model, given.loss, given.optimizer, few, batch_size=20, epochs=3).train
    found = gather(given)
    assert found.watched is not None
    assert found.watched.broke is not None
    assert found.watched.end is not None
    assert found.watched.end > 0.95
    assert list(found.trials) == ["rate-/10"]


def test_batches_of_another_size_take_as_many_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "small-batch")
    found = gather(program(batch_size=80, epochs=4))
    made = found.trials["small-batch"].curves
    assert made is not None
    assert made.taken == made.planned == 4 * 3  # 80 samples are three batches of up to 32
    assert found.order is None  # all come in one batch, in whatever order
    assert found.unseen == ()


def test_a_share_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "rate-/10", "longer")
    found = gather(program(epochs=50), share=0.1)
    assert found.watched is not None
    assert (found.watched.taken, found.watched.planned, found.watched.cut) == (20, 200, True)
    assert found.trials["rate-/10"].curves is not None
    assert found.trials["rate-/10"].curves.taken == found.trial_steps <= 20
    assert "longer" not in found.trials  # what was not watched to its end is not prolonged


def test_how_long_is_trained_does_not_depend_on_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "rate-/10")
    quick = gather(program())

    def slow(output: Tensor, target: Tensor) -> Tensor:
        time.sleep(0.002)
        return nn.functional.cross_entropy(output, target)

    given = program()
    given.loss = slow
    late = gather(given)
    assert late.watched is not None
    assert quick.watched is not None
    assert late.watched.losses == quick.watched.losses
    assert late.trial_steps == quick.trial_steps
    assert late.trials["rate-/10"] == quick.trials["rate-/10"]


def test_what_a_step_costs_decides_how_many_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a budget of 9 s, 0.4 go to the training, or 30 steps of it; trials share what is left."""
    only(monkeypatch, "rate-/10")
    monkeypatch.setattr(module, "step_seconds", lambda _: 0.1)
    found = gather(program(epochs=20))
    assert found.watched is not None
    assert (found.watched.taken, found.trial_steps) == (36, 30)
    assert list(found.trials) == ["unchanged", "rate-/10"]
    unchanged = found.trials["unchanged"].curves
    assert unchanged is not None
    assert unchanged.taken == 30
    assert unchanged.losses == found.watched.losses[:30]
    assert found.again is None  # it would cost more than a quarter of what is left


def test_a_cap_that_is_long_enough_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "rate-/10")
    assert repr(gather(program(), seconds=1e6)) == repr(gather(program()))


def test_what_comes_too_late_is_left_out_and_named() -> None:
    found = gather(program(), seconds=1e-9)
    assert found.watched is found.inputs is found.reference is None
    assert found.trials == {}
    assert {text for text in found.unseen if not text.startswith("cut short: ")} == set()
    assert {"cut short: inputs", "cut short: training"} <= set(found.unseen)


def test_a_model_that_fails_is_named_and_nothing_raises() -> None:
    given = program()
    given.model = nn.Linear(7, 3)
    given.optimizer = torch.optim.SGD(given.model.parameters(), lr=0.1)
    given.scheduler = None
    found = gather(given)
    assert found.inputs is not None
    assert found.reference is not None
    assert found.watched is found.signal is found.architecture is None
    assert found.looks == ()
    assert found.trials == {}
    (said,) = (text for text in found.unseen if text.startswith("training: "))
    assert "mat1 and mat2 shapes cannot be multiplied" in said


def test_a_loss_that_fails_is_named_and_nothing_raises() -> None:
    def broken(output: Tensor, target: Tensor) -> Tensor:
        raise KeyError(f"{len(output)} outputs, {len(target)} targets")

    given = program()
    given.loss = broken
    found = gather(given)
    assert found.watched is None
    assert found.architecture is not None
    assert found.facts.loss == "broken"
    assert any(text.startswith("training: KeyError") for text in found.unseen)


def test_a_trial_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model counts its own batches, and refuses any of another size."""

    class Sixteen(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            if self.training and len(x) not in (2, 40, 80):
                raise RuntimeError(f"{len(x)} samples are not 40")
            return super().forward(x)

    only(monkeypatch, "small-batch", "rate-/10")
    given = program(batch_size=40)
    given.model = Sixteen(6, 3)
    given.optimizer = torch.optim.SGD(given.model.parameters(), lr=0.01)
    given.scheduler = None
    found = gather(given)
    assert found.watched is not None
    assert found.trials["small-batch"].curves is None
    assert "32 samples are not 40" in found.trials["small-batch"].why_not
    assert found.trials["rate-/10"].curves is not None


def test_another_seed_is_another_start_where_the_program_can_be_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    made: list[int] = []

    def build(seed: int) -> tuple[Any, ...]:
        made.append(seed)
        given = program(lr=0.0, scheduler=None)
        with torch.no_grad():
            given.model[4].weight.zero_()  # type: ignore[index, union-attr, operator]
            given.model[4].bias.zero_()  # type: ignore[index, union-attr, operator]
        whole = (given.train.whole(), given.valid.whole())
        return given.model, given.loss, given.optimizer, *whole, given.batch_size, given.epochs

    found = gather(program(), build=build, seed=3)
    assert set(made) == {4}
    assert found.facts.has_build
    assert found.again is not None
    assert found.again.losses[0] == pytest.approx(np.log(3), rel=1e-5)
