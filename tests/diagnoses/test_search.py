"""Search: what helps is found and proven, what does not is left out, and what is sound stays as it is."""

from collections.abc import Callable
from typing import Any

import torch

from trainwell.diagnoses import Diagnosis, Finding
from trainwell.diagnoses.evidence import Evidence
from trainwell.diagnoses.pairs import Pairs
from trainwell.diagnoses.repair import mended
from trainwell.diagnoses.search import Search, joined
from trainwell.edits import edits
from trainwell.probes.parts import Parts, parts

Script = tuple[Any, ...]
BROKEN = Diagnosis((Finding("diverging-loss", "error", "It was seen."),))


def given(script: Script) -> Parts:
    return parts(*script[:5], batch_size=script[5], epochs=script[6])


def test_a_program_that_is_as_good_as_can_be_is_left_whatever_was_found(
    evidence: Callable[..., Evidence], ring: Callable[..., Script]
) -> None:
    sound = given(ring(lr=0.02))
    changes, done, effect, why = mended(sound, evidence(), BROKEN, Pairs(sound, None, 0, 8.0, None))
    assert (changes, done) == ((), ())
    assert why.startswith(("no edit that was tried helps", "what was tried does not help beyond the noise"))
    assert effect is None or effect.mean < 0.04 or effect.interval[0] <= 0


def test_of_edits_alike_the_fewest_are_kept(evidence: Callable[..., Evidence], ring: Callable[..., Script]) -> None:
    broken = given(ring(lr=0.03))
    broken.optimizer.param_groups[0]["maximize"] = True
    changes, done, effect, why = mended(broken, evidence(), BROKEN, Pairs(broken, None, 0, 20.0, None))
    assert why == ""
    assert [change.name for change in changes] == ["minimise"]
    assert [one.says for one in done] == ["minimised, no longer maximised"]
    assert effect is not None
    assert effect.share == 1.0


def test_of_edits_that_help_each_other_all_are_kept_and_what_does_nothing_is_dropped(
    evidence: Callable[..., Evidence], ring: Callable[..., Script]
) -> None:
    broken = given(ring(lr=1e-6))
    broken.optimizer.param_groups[0]["maximize"] = True
    search = Search(Pairs(broken, None, 0, 30.0, None), evidence())
    up, faster, idle = edits.part("minimise"), edits.part("rate", factor=2e4), edits.part("batch-size", size=15)
    assert search.best([(up,), (idle,)]) == ()
    assert search.best([(idle, faster, up)]) == (faster, up)


def test_a_search_ends_with_its_budget(evidence: Callable[..., Evidence], ring: Callable[..., Script]) -> None:
    pairs = Pairs(given(ring(lr=30.0)), None, 0, 1e-6, None)
    search = Search(pairs, evidence())
    assert search.share < 1
    search.best([(edits.part("rate", factor=10.0**-power),) for power in range(1, 9)])
    assert len({changes for changes, _, _ in pairs.trained}) == 2  # as it is, and the first edit


def test_on_labels_that_nothing_can_learn_luck_is_not_taken_for_help(
    evidence: Callable[..., Evidence], ring: Callable[..., Script]
) -> None:
    model, loss, optimizer, (x, y), (x_valid, y_valid), batch_size, epochs = ring(lr=0.03)
    draws = torch.Generator().manual_seed(0)
    train = x, y[torch.randperm(len(y), generator=draws)]
    valid = x_valid, y_valid[torch.randperm(len(y), generator=draws)]
    lost = given((model, loss, optimizer, train, valid, batch_size, epochs))
    changes, _, effect, why = mended(lost, evidence(), BROKEN, Pairs(lost, None, 0, 1.5, None))
    assert changes == ()
    assert effect is not None  # something had seemed to help
    assert why.startswith("what was tried does not help beyond the noise")


def test_edits_of_the_same_name_are_one() -> None:
    tenth, adam, sgd = (
        edits.part("rate", factor=0.1),
        edits.part("optimizer", to="adamw"),
        edits.part("optimizer", to="sgd"),
    )
    assert joined((tenth, adam), (sgd, edits.part("rate", factor=0.5))) == (edits.part("rate", factor=0.05), sgd)
    assert joined((adam,), (adam,)) == (adam,)
