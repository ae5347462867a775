"""Rules on the data and the fields of the recipe: what each member says of contradictions, and of sound ones."""

import dataclasses
import math
import re

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from trainwell.data.open import open_data
from trainwell.data.wrap import wrap
from trainwell.diagnoses.rules import Case, ask, rules

from .conftest import Fired, MakeCase, only


def test_inputs_as_they_came(make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["preprocess=none"])
    assert fired(case) == ["raw_inputs"]
    found = only(case, "raw_inputs")
    assert "preprocess=standardize" in found.advice
    assert found.evidence["size"] == pytest.approx(math.sqrt(3**2 + 5**2), rel=0.05)  # drawn from N(3, 25)
    assert fired(make_case(["preprocess=min_max"])) == []
    assert "raw_inputs" not in fired(
        make_case(["preprocess=none"], model=nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 2)))
    )
    assert fired(make_case(["preprocess=none"], on="colour")) == []  # pixels in 0..1


def test_samples_in_both_parts(make_case: MakeCase, fired: Fired) -> None:
    draws = torch.Generator().manual_seed(0)
    x, y = torch.randn(200, 6, generator=draws), torch.randint(0, 2, (200,), generator=draws)
    network = nn.Linear(6, 2)
    apart = make_case(on=wrap(TensorDataset(x, y)), model=network)
    assert fired(apart) == []
    twice = make_case(on=wrap(TensorDataset(x.repeat(2, 1), y.repeat(2))), model=network)
    assert fired(twice) == ["test_in_training"]
    found = only(twice, "test_in_training")
    seen = found.evidence["shared"]["valid"]
    rows = {
        part: {tuple(row) for row in wrapped_rows(x.repeat(2, 1), y.repeat(2), part)} for part in ("train", "valid")
    }
    assert seen == sum(tuple(r) in rows["train"] for r in wrapped_rows(x.repeat(2, 1), y.repeat(2), "valid"))
    assert f"{seen} of the 40 samples of valid" in found.message
    few = torch.randint(0, 2, (200, 2), generator=draws).float()  # four possible rows repeat by nature
    assert fired(make_case(on=wrap(TensorDataset(few, y)), model=nn.Linear(2, 2))) == []


def wrapped_rows(x: Tensor, y: Tensor, part: str) -> list[list[float]]:
    return x[wrap(TensorDataset(x, y)).splits[part]].tolist()


def test_mixing_wants_soft_targets(make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["augment=flip,mixup", "loss=hinge", "model.width=8"], on="colour")
    found = only(case, "mixed_labels")
    assert found.severity == "error"
    assert "Set loss=cross_entropy, or augment without mixup." in found.advice
    assert fired(make_case(["augment=flip,mixup"], on="colour")) == []
    assert "mixed_labels" not in fired(make_case(["augment=flip", "loss=hinge"], on="colour"))


@pytest.mark.parametrize(
    ("optimizer", "rate", "size", "word"),
    [
        ("sgd", 0.1, 256, None),
        ("sgd", 20.0, 256, "high"),
        ("sgd", 1e-5, 256, "low"),
        ("adam", 1e-3, 16, None),
        ("adam", 0.1, 256, "high"),
        ("adam", 0.01, 64, None),
        ("adam", 0.03, 16, None),  # an adaptive step need not go with the batch
        ("adam", 0.04, 16, "high"),  # 0.01, and half a power of ten
        ("sgd", 1.5, 16, None),
        ("sgd", 1.7, 16, "high"),  # 2 sqrt(16 / 256) = 0.5, and half a power of ten
        ("sgd", 20.0, 1024, None),  # 2 x 1024 / 256 = 8
        ("adam", 1e-7, 256, "low"),
    ],
)
def test_rate_and_batch_go_together(
    optimizer: str, rate: float, size: int, word: str | None, make_case: MakeCase, fired: Fired
) -> None:
    case = make_case(
        [f"optimizer={optimizer}", f"optimizer.lr={rate}", f"batch_size={size}"], on="digits", recipe="table"
    )
    assert fired(case) == ([] if word is None else ["rate_for_batch"])
    if word is not None:
        found = only(case, "rate_for_batch")
        assert f"is {word} for {optimizer} at a batch of {size}" in found.message
        assert "at 256" in found.message
        assert "Set optimizer.lr=" in found.advice


def test_a_linear_model_takes_any_rate_that_converges(make_case: MakeCase, fired: Fired) -> None:
    assert fired(make_case(["optimizer=adam", "optimizer.lr=0.1", "model=mlp", "model.widths="])) == []


def test_mirrored_signs(make_case: MakeCase, fired: Fired) -> None:
    both = make_case(["augment=flip,crop", "views=flip"], on="signs")
    assert fired(both) == ["mirrored_text"]
    assert only(both, "mirrored_text").advice == "Set augment without flip and views=one."
    assert only(make_case(["views=flip"], on="signs"), "mirrored_text").advice == "Set views=one."
    assert fired(make_case(["augment=flip,crop", "augment.flip.p=0"], on="signs")) == []
    assert fired(make_case(["augment=flip,crop", "views=flip"], on="colour")) == []


def test_upside_down_is_a_note(make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["augment=vflip"], on="colour")
    assert fired(case) == ["upside_down"]
    assert only(case, "upside_down").severity == "note"
    assert "augment without vflip" in only(case, "upside_down").advice
    assert fired(make_case(["augment=flip"], on="colour")) == []
    assert fired(make_case(["augment=vflip"], on="signs")) == ["mirrored_text"]


@pytest.mark.parametrize(
    ("id", "breaking", "sound", "change"),
    [
        ("long_warmup", ["warmup=0.6"], ["warmup=0.5"], "warmup=0.1"),
        (
            "patience_in_warmup",
            ["patience=3", "warmup=0.2", "epochs=20"],
            ["patience=4", "warmup=0.2", "epochs=20"],
            "patience=5",
        ),
        (
            "decay_twice",
            ["penalties=l2", "optimizer.weight_decay=0.1"],
            ["penalties=l2", "optimizer.weight_decay=0"],
            "optimizer.weight_decay=0",
        ),
        (
            "coupled_decay",
            ["optimizer=rmsprop", "optimizer.weight_decay=0.1"],
            ["optimizer=rmsprop", "optimizer.weight_decay=0"],
            "optimizer=adamw",
        ),
        (
            "lookahead_twice",
            ["optimizer=lookahead", "average=lookahead"],
            ["optimizer=lookahead", "average=none"],
            "average=none",
        ),
    ],
)
def test_fields_that_contradict_each_other(
    id: str, breaking: list[str], sound: list[str], change: str, make_case: MakeCase, fired: Fired
) -> None:
    case = make_case(breaking)
    assert fired(case) == [id]
    assert change in only(case, id).advice
    assert only(case, id).severity == "warning"
    assert fired(make_case(sound)) == []


def test_coupled_decay_is_sound_under_sgd(make_case: MakeCase, fired: Fired) -> None:
    assert fired(make_case(["optimizer=sgd", "optimizer.weight_decay=1e-3"])) == []


def test_early_stopping_wants_a_validation_split(make_case: MakeCase, fired: Fired) -> None:
    case = make_case(["patience=50"])
    assert fired(case) == []
    without = dataclasses.replace(case, splits={"train": 300})
    found = only(without, "early_stopping_without_validation")
    assert found.severity == "error"
    assert "patience=50 needs a validation split" in found.message
    assert "patience=none" in found.advice
    plain = dataclasses.replace(without, recipe=case.recipe.replace(patience=None, monitor="auto"))
    assert fired(plain) == []


def test_a_batch_is_never_larger_than_the_training_split(make_case: MakeCase) -> None:
    case = make_case(["batch_size=4096"])
    assert case.batch_size == case.splits["train"] == np.sum(case.splits["train"])


def test_classes_of_very_uneven_size_are_told(make_case: MakeCase) -> None:
    x = np.random.default_rng(0).normal(size=(330, 6)).astype(np.float32)

    def case(rare: int, *edits: str) -> Case:
        names = np.array(["common", "rare", "between"])
        return make_case(edits, on=open_data((x, names[np.repeat([0, 1, 2], [300 - rare, rare, 30])])))

    finding = only(case(6), "uneven_classes")
    assert finding.severity == "note"
    assert re.search(r"Class common has \d+ training samples and rare \d, \d\d times fewer", finding.message)
    assert "balance=prior" in finding.advice
    for silent in (case(40), case(6, "balance=sampler"), case(6, "loss.weights=balanced")):
        assert ask(rules["uneven_classes"], silent) is None
