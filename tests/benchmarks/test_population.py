"""The benchmark of populations at its smallest size, and the figures that the table is made of."""

from pathlib import Path

import pytest
import torch

import population
import tables


def test_all_contenders_carry_out_the_same_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population, "cores", lambda: 1)
    data = population.data_of("digits", Path())
    bench = population.Bench(population.Problem("digits", population.mlp(8)), data, torch.device("cpu"), steps=4)
    trials = bench.trials(3)
    assert len({trial.edits for trial in trials}) == 3 and {trial.seed for trial in trials} == {0}
    assert len(bench.plain().multipliers) == 4 and len(bench.plain().train[0]) == len(data.splits["train"])
    found = population.measure(bench, 3, ["in turn", "fused", "Optuna"], turns=1)
    assert found["ratios"]["in turn"] == 1.0 and found["ratios"]["fused"] > 0
    assert found["mean_score"]["fused"] == pytest.approx(found["mean_score"]["in turn"], abs=0.003)
    assert found["mean_score"]["Optuna"] > 0.05


def test_the_table_shows_every_problem_and_number_of_members() -> None:
    one = {
        "turns": {"in turn": [4.0, 8.0, 5.0], "fused": [1.0, 1.0, 1.0]},
        "ratios": {"in turn": 1.0, "fused": 5.0},
        "settings": {"batch": 32, "steps": 300},
        "machine": {"processor": "P", "cores": 2, "versions": {"torch": "2.13.0"}, "commit": "0123456789abcdef"},
    }
    text = tables.population({"cpu": {"small": {"32": one, "8": one}, "large": {"8": one}}})
    assert "| small | 8 | 300 | 5.0 | 5.0 |\n| small | 32 | 300 | 5.0 | 5.0 |\n| large | 8 | 300 | 5.0 | 5.0 |" in text
    assert "fused, x faster" in text and "P, 2 cores; torch 2.13.0; commit 0123456789ab." in text
