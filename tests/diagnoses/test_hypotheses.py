"""Hypotheses: what was found comes first, then what helped, then what is good in general."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainwell.diagnoses import Diagnosis
from trainwell.diagnoses.evidence import Evidence, Trial
from trainwell.diagnoses.hypotheses import fitting, hypotheses
from trainwell.edits import edits
from trainwell.family import Part
from trainwell.probes.parts import parts
from trainwell.probes.training import Curves


def edit(id: str, /, **args: Any) -> Part:
    return Part("edits", id, args)


def test_what_was_found_is_tried_first_then_what_helped(
    evidence: Callable[..., Evidence], curves: Callable[..., Curves], ring: Callable[..., tuple[Any, ...]]
) -> None:
    def trial(*changes: Part, end: float) -> Trial:
        listed = tuple({"edit": one.name, **one.args} for one in changes)
        return Trial(edits=listed, says="", why_not="", curves=curves(end))

    known = evidence(
        watched=curves(0.5),
        trials={
            "rate-/10": trial(edit("rate", factor=0.1), end=0.6),
            "adam": trial(edit("optimizer", to="adamw", lr=1e-3), end=0.8),
            "no-decay": trial(edit("no-decay"), end=0.5),
        },
    )
    script = ring()
    given = parts(*script[:5], batch_size=script[5], epochs=script[6])
    found = hypotheses(given, known, Diagnosis(()))
    assert found[:3] == [
        (edit("optimizer", to="adamw", lr=1e-3),),
        (edit("rate", factor=0.1),),
        (edit("output-width"), edit("loss", to="cross_entropy")),
    ]
    assert len(set(map(str, found))) == len(found)


@pytest.mark.parametrize(
    ("y", "width", "wanted"),
    [
        (torch.arange(8) % 3, 3, ["output-width", "loss"]),
        ((torch.arange(8) % 2).float()[:, None], 1, ["loss"]),
        (torch.randn(8, 1), 1, ["output-width", "loss"]),
        (torch.arange(32).reshape(8, 2, 2) % 3, 3, []),
    ],
)
def test_what_fits_the_task_goes_by_the_targets(y: Tensor, width: int, wanted: list[str]) -> None:
    model = nn.Linear(2, width)
    made = parts(
        model, nn.MSELoss(), torch.optim.SGD(model.parameters()), (torch.randn(8, 2), y), batch_size=2, epochs=1
    )
    assert [change.name for change in fitting(made)] == wanted


def test_every_edit_that_is_tried_exists(
    evidence: Callable[..., Evidence], ring: Callable[..., tuple[Any, ...]]
) -> None:
    script = ring()
    given = parts(*script[:5], batch_size=script[5], epochs=script[6])
    for changes in hypotheses(given, evidence(), Diagnosis(())):
        for change in changes:
            assert edits.part(change) == change
