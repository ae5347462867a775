"""Which weights a training keeps, and when it ends before its plan."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

from trainwell.training.interrupt import Stop
from trainwell.training.loop import Trainer, scored_steps


def test_patience_ends_a_run_that_does_not_improve(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    trainer = make(multipliers=[0.0] * 40, epoch_steps=scored_steps(31, 10), patience=2)
    trainer.run(kept, quiet)
    # The score of the first epoch stays the best; patience counts from there.
    assert trainer.stopped_early
    assert trainer.finished
    assert [line["step"] for line in kept.epochs()] == [3, 6, 9, 12]
    assert trainer.best_epoch == pytest.approx(0.96)
    assert trainer.best_epoch is not None
    assert trainer.epoch - trainer.best_epoch >= 2
    assert [step for step, _ in kept.kept] == [3]
    assert kept.saved[1]["stopped_early"] is True


def test_the_best_weights_by_the_metric_are_kept(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    trainer = make(optimizer={"name": "sgd", "lr": 0.3}, epochs=20)
    trainer.run(kept, quiet)
    ranked = sorted(kept.epochs(), key=lambda line: (line["valid_accuracy"], -line["valid_loss"]))
    best = ranked[-1]
    assert best["step"] < trainer.step
    assert kept.kept[-1][0] == best["step"]
    assert (trainer.best_score, trainer.best_loss) == (best["valid_accuracy"], best["valid_loss"])
    assert trainer.best_epoch == pytest.approx(best["epoch"], abs=1e-4)
    trainer.model.load_state_dict(kept.kept[-1][1])
    assert trainer.valid is not None
    x, y = next(trainer.valid.passes(1000))
    trainer.model.eval()
    assert float((trainer.model(x).argmax(1) == y).float().mean()) == pytest.approx(best["valid_accuracy"])


@pytest.mark.parametrize(
    ("monitor", "value", "loss", "better"),
    [
        ("valid_accuracy", 0.9, 9.0, True),
        ("valid_accuracy", 0.7, 0.1, False),
        ("valid_accuracy", 0.8, 0.4, True),
        ("valid_accuracy", 0.8, 0.5, False),
        ("valid_accuracy", 0.8, 0.6, False),
        ("valid_loss", 0.7, 0.7, True),
        ("valid_loss", 0.9, 0.9, False),
    ],
)
def test_of_equal_scores_the_one_of_lower_loss_is_better(
    make: Callable[..., Trainer], monitor: str, value: float, loss: float, better: bool
) -> None:
    trainer = make(monitor=monitor)
    assert trainer._better(value, loss)
    trainer.best_score, trainer.best_loss = 0.8, 0.5
    assert trainer._better(value, loss) is better


def test_the_last_weights_are_kept_where_that_is_asked(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    trainer = make(keep_best=False)
    trainer.run(kept, quiet)
    assert [step for step, _ in kept.kept] == trainer.plan.epoch_steps  # each time, so that a crash leaves some
    assert kept.kept[-1][0] == trainer.steps
    assert all(torch.equal(value, trainer.model.state_dict()[name]) for name, value in kept.kept[-1][1].items())


@pytest.mark.parametrize(
    ("start", "keeps"),
    [
        ({}, True),
        ({"train_loss": 0.0, "valid_loss": 0.0}, False),  # both samples were better off with it
        ({"train_loss": 0.0, "valid_loss": 100.0}, True),
        ({"train_loss": 100.0, "valid_loss": 0.0}, True),
    ],
)
def test_last_weights_that_did_harm_to_what_they_started_from_are_not_kept(
    start: dict[str, float], keeps: bool, make: Callable[..., Trainer], kept: Any, quiet: Any
) -> None:
    trainer = make(keep_best=False)
    trainer.start = start
    trainer.run(kept, quiet)
    assert [step for step, _ in kept.kept] == (trainer.plan.epoch_steps if keeps else [])


def test_without_a_validation_split_the_last_weights_are_kept(
    make: Callable[..., Trainer], kept: Any, quiet: Any
) -> None:
    trainer = make(valid=False)
    trainer.run(kept, quiet)
    assert [step for step, _ in kept.kept] == [trainer.steps]
    assert "valid_accuracy" not in kept.epochs()[0]


def test_the_average_is_what_is_scored_and_kept(make: Callable[..., Trainer], kept: Any, quiet: Any) -> None:
    trainer = make(average={"name": "ema", "decay": 0.9}, keep_best=False)
    trainer.run(kept, quiet)
    averaged = trainer.plan.average.weights()
    assert all(torch.equal(kept.kept[-1][1][name], value) for name, value in averaged.items())
    assert any(not torch.equal(trainer.model.state_dict()[name], value) for name, value in averaged.items())
    assert trainer.valid is not None
    x, y = next(trainer.valid.passes(1000))
    loss = functional.cross_entropy(torch.func.functional_call(trainer.model.eval(), averaged, (x,)), y)
    assert kept.epochs()[-1]["valid_loss"] == pytest.approx(float(loss), rel=1e-5)


class StopsAt:
    """A progress that asks for a stop after a step, as a signal would."""

    def __init__(self, at: int) -> None:
        self.stop, self._at = Stop(), at

    def step(self, step: int, *_: Any) -> None:
        if step == self._at:
            self.stop.signal_name = "SIGTERM"

    def scored(self, line: dict[str, Any]) -> None:
        pass


def test_a_stop_saves_after_the_step_and_leaves(make: Callable[..., Trainer], kept: Any) -> None:
    trainer, progress = make(), StopsAt(5)
    trainer.run(kept, progress, progress.stop)
    assert trainer.step == 5
    assert not trainer.finished
    assert kept.saved[1]["step"] == 5


def test_a_stop_in_the_last_step_still_keeps_the_last_weights(make: Callable[..., Trainer], kept: Any) -> None:
    trainer, progress = make(keep_best=False), StopsAt(12)
    trainer.run(kept, progress, progress.stop)
    assert trainer.finished
    assert kept.kept[-1][0] == 12
