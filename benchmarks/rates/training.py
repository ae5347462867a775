"""One training at one rate, and what it was worth on the test rows."""

import math

import torch

from trainwell.errors import Diverged
from trainwell.training.engine import Engine, running
from trainwell.training.evaluate import score
from trainwell.training.loop import Trainer
from trainwell.training.setup import Setup

ENGINE = Engine(device=torch.device("cpu"), precision="fp32", layout="contiguous", compile=False, threads=1)


def trained(setup: Setup, share: float = 1.0) -> dict[str, float]:
    """Train a setup, or a share of it with the schedule compressed; `accuracy` is that of the test rows.

    One that diverges has guessed the most frequent class.
    """
    plan = setup.plan([setup.recipe.epochs * share])
    model = ENGINE.place(setup.model)
    trainer = Trainer(model, setup.optimizer(model, setup.rate), setup.rate, setup.feeds["train"], None, ENGINE, plan)
    model.train()
    losses: list[float] = []
    with running(ENGINE), torch.random.fork_rng():
        try:
            while not trainer.finished:
                before = trainer.running_loss.item()
                trainer.advance()
                losses.append(trainer.running_loss.item() - before)
            scores = {part: score(model, setup.feeds[part], ENGINE, plan.plain_loss) for part in ("valid", "test")}
        except Diverged:
            target = setup.feeds["test"].target
            guess = float(torch.bincount(target).max()) / len(target)
            return {"accuracy": guess, "valid_accuracy": guess, "valid_loss": math.inf, "train_loss": math.inf}
    tail = losses[-max(1, len(losses) // 5) :]
    return {
        "accuracy": scores["test"]["accuracy"],
        "valid_accuracy": scores["valid"]["accuracy"],
        "valid_loss": scores["valid"]["loss"],
        "train_loss": sum(tail) / len(tail),
    }
