"""`trainwell fit digits` with each activation, norm, optimizer and schedule: all of them have to learn."""

import numpy as np
import pytest

import trainwell
from trainwell.activations import activations
from trainwell.family import Family
from trainwell.norms import norms
from trainwell.optimizers import optimizers
from trainwell.schedules import schedules

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

GOAL = 0.90
# Named with the reason before the test was first run; at most five.
EXCEPTED = {
    ("activations", "softmax"): "for the last layer: the outputs of a hidden layer sum to 1, so the signal shrinks to "
    "1 / width and its gradient with it",
    ("norms", "instance"): "divides the contrast out of each map; the maps of 8 x 8 images have nine positions and "
    "fewer, and little is left of a digit there",
}
EPOCHS = 10
# Found in the first run, in which it reached 0.872 after ten epochs: a slope of at most 1/4 learns slowly, and has not
# stopped by then. The recipe itself trains for 31.
LONGER = {("activations", "sigmoid"): 20}
FIELDS: list[tuple[Family, str]] = [
    (activations, "model.activation"),
    (norms, "model.norm"),
    (optimizers, "optimizer"),
    (schedules, "schedule"),
]
CASES = [(family, field, member.id) for family, field in FIELDS for member in family]


@pytest.mark.parametrize(("family", "field", "id"), CASES, ids=lambda case: getattr(case, "name", str(case)))
def test_digits_are_learnt(family: Family, field: str, id: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A few epochs, everything else as the recipe has it, the checks included."""
    out = tmp_path_factory.mktemp("runs") / id
    edits = [f"{field}={id}", f"epochs={LONGER.get((family.name, id), EPOCHS)}", "threads=1"]
    run = trainwell.fit("digits", edits, out=out)
    best = max(line["valid_accuracy"] for line in run.record("epoch"))
    assert np.isfinite(best)
    if (family.name, id) in EXCEPTED:
        pytest.skip(f"{best:.3f}: {EXCEPTED[family.name, id]}")
    assert best >= GOAL


def test_at_most_five_are_excepted() -> None:
    assert len(EXCEPTED) <= 5
