"""Carrying out a claim: measured once, remembered, judged anew, and nothing of torch is changed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainwell.errors import StorageFailed, UnknownName
from trainwell.lab.carry_out import carry_out, plain
from trainwell.lab.claim import Claim, Numbers, Verdict, by_parts
from trainwell.lab.claims import Claims, claims
from trainwell.lab.spread import middle, outline, spread


class Counting(Claim):
    """Counts how often it is measured."""

    id = "counting"
    chapter = "method"
    statement = why = question = set_up = mark = source = "-"
    num_seeds = (3, 1)

    def __init__(self) -> None:
        self.measured = 0
        self.word: Any = "holds"

    def measure(self, *, quick: bool, seeds: Sequence[int]) -> dict[str, Any]:
        self.measured += 1
        torch.rand(3)
        return {"seeds": list(seeds), "quick": quick, "threads": torch.get_num_threads()}

    def judge(self, numbers: Numbers) -> Verdict:
        return Verdict(self.word, f"{len(numbers['seeds'])} seeds")

    def figure(self, numbers: Numbers) -> str:
        return f"<svg>{numbers}</svg>"


def test_a_claim_is_measured_once_and_judged_each_time(tmp_path: Path) -> None:
    claim = Counting()
    state = torch.get_rng_state()
    first = carry_out(claim, cache=tmp_path)
    assert torch.equal(state, torch.get_rng_state())
    claim.word = "does not hold here"
    second = carry_out(claim, cache=tmp_path)
    assert (claim.measured, first.remembered, second.remembered) == (1, False, True)
    assert first.numbers == second.numbers == {"seeds": [0, 1, 2], "quick": False, "threads": 1}
    assert (first.verdict.word, second.verdict.word) == ("holds", "does not hold here")
    assert carry_out(claim, quick=True, cache=tmp_path).verdict.where == "1 seeds"
    assert carry_out(claim, fresh=True, cache=tmp_path).remembered is False
    assert claim.measured == 3


def test_a_damaged_file_is_measured_anew(tmp_path: Path) -> None:
    claim = Counting()
    carry_out(claim, cache=tmp_path)
    (path,) = (tmp_path / "lab").iterdir()
    path.write_text("{")
    carry_out(claim, cache=tmp_path)
    assert claim.measured == 2
    assert json.loads(path.read_text())["numbers"]["quick"] is False


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed):
        carry_out(Counting(), cache=tmp_path / "file")


def test_numbers_become_plain_json() -> None:
    made = {"a": torch.tensor([1.0, float("nan")]), 2: np.float32(0.1234567), "c": (1, True, None, "x")}
    assert plain(made) == {"a": [1.0, None], "2": 0.123457, "c": [1, True, None, "x"]}
    with pytest.raises(AssertionError, match="Part"):
        plain({"part": type("Part", (), {})()})


def test_spread_in_words() -> None:
    assert spread([0.5, 0.5]) == "0.5"
    assert spread([1.0, 2.0], ".1f") == "1.5 (1.0 to 2.0)"
    assert middle([[1, 2.0], [3, None], [8, 1]]) == [3, None]
    assert outline([[1, None], [3, 2]]) == ([1, 2], [3, 2])


def test_parts_make_a_verdict() -> None:
    assert [by_parts(parts, "").word for parts in ([True, True], [True, False], [False])] == [
        "holds", "holds in part", "does not hold here"]  # fmt: skip


def test_claims_are_found_by_name_and_come_by_chapter() -> None:
    assert claims["tanh-is-sigmoid"].chapter == "activations"
    with pytest.raises(UnknownName, match="Did you mean 'tanh-is-sigmoid'"):
        claims["tanh-is-sigmoidal"]
    chapters = [claim.chapter for claim in claims]
    assert chapters == sorted(chapters, key=chapters.index)
    empty = Claims()
    empty.add(Counting)
    with pytest.raises(AssertionError, match="two claims"):
        empty.add(Counting)
