from typing import Any

import numpy as np
import pytest

from trainwell.data.partition import Partition, partition, rule_for
from trainwell.errors import BadData, BadValue


def dealt(y: list[int], digests: list[int], **changes: Any) -> Partition:
    options: dict[str, Any] = {
        "task": "classification",
        "kind": "images",
        "parts": "fit",
        "given": None,
        "seed": 0,
        "valid_fraction": None,
        "name": str,
    }
    return partition(np.array(y), np.array(digests, np.uint64), **(options | changes))


def test_rules_by_kind_and_size() -> None:
    assert rule_for("images", 1000, None).fractions == {"valid": 0.1}
    assert rule_for("images", 25_000, None).fractions == {"valid": 0.1}
    assert rule_for("images", 50_000, None).fractions == {"valid": 0.05}  # 2,500 of them
    assert rule_for("images", 50_000, 0.2).fractions == {"valid": 0.2}
    assert rule_for("table", 4_999, None).fractions == {"valid": 0.15, "heldout": 0.15}
    assert rule_for("table", 5_000, None).fractions == {"valid": 0.1}
    assert rule_for("table", 100, 0.3).fractions == {"valid": 0.3, "heldout": 0.15}


@pytest.mark.parametrize("fraction", [0.0, 0.6, -1.0, float("nan")])
def test_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(BadValue, match="valid_fraction"):
        rule_for("images", 100, fraction)


def test_given_parts_lose_copies_from_train_only() -> None:
    given = np.array(["train"] * 4 + ["valid"] * 2)
    result = dealt([0, 0, 1, 1, 0, 1], [1, 2, 3, 4, 2, 9], given=given)
    assert result.splits["train"].tolist() == [0, 2, 3] and result.splits["valid"].tolist() == [4, 5]
    assert result.facts["duplicates"]["dropped_from_train"] == 1
    assert result.notes == ["1 training image left out: also in valid", "split: as given, 3 train, 2 valid"]


def test_given_train_alone_is_split() -> None:
    result = dealt([0, 1] * 20, list(range(40)), given=np.array(["train"] * 40))
    assert len(result.splits["valid"]) == 4 and result.facts["split"]["rule"] == "made, stratified"


def test_fraction_beside_a_given_part_would_have_no_effect() -> None:
    with pytest.raises(BadValue, match="a validation part of its own"):
        dealt([0, 1], [1, 2], given=np.array(["train", "valid"]), valid_fraction=0.2)


def test_duplicates_stay_on_one_side() -> None:
    for seed in range(10):
        result = dealt([0] * 20 + [1] * 20, [7, 7, 7, *range(100, 137)], seed=seed)
        assert len({0, 1, 2} & set(result.splits["valid"].tolist())) in (0, 3)
    assert "2 duplicates kept on one side" in result.notes
    assert result.facts["duplicates"]["shown"] == [["0", "1", "2"]]


def test_one_image_under_two_classes_is_said() -> None:
    result = dealt([0, 1] * 20, [5, 5, *range(100, 138)])
    assert result.notes[0] == "1 image stands under more than one class: 0 and 1; at least one label is wrong"
    assert result.facts["duplicates"]["conflicts"] == 1


def test_rows_that_repeat_by_nature_are_no_duplicates() -> None:
    result = dealt([0, 1] * 50, [1, 2] * 50, kind="table")
    assert result.notes[0] == "rows repeat by nature (2 differ of 100): not taken for duplicates"
    assert len(result.splits["valid"]) == 15 or len(result.splits["valid"]) == 16
    assert result.facts["duplicates"]["groups"] == 0


def test_all_images_alike() -> None:
    with pytest.raises(BadData, match="No image is left for valid: of 10 images only 1 differ"):
        dealt([0] * 5 + [1] * 5, [3] * 10)


@pytest.mark.parametrize("parts", ["test", "all"])
def test_other_parts_hold_every_row(parts: str) -> None:
    assert dealt([0, 0, 1], [1, 1, 2], parts=parts).splits[parts].tolist() == [0, 1, 2]
