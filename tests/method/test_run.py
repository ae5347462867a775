"""A run read from its folder."""

import json
from pathlib import Path

import pytest
import torch

from trainwell import Options, Run, fit
from trainwell.errors import BadRun


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit("iris", ["epochs=3"], out=tmp_path_factory.mktemp("run") / "run", options=Options(checks=False))


def test_all_of_it_is_read_from_files(run: Run) -> None:
    again = Run(run.path)
    assert again.recipe == run.recipe
    assert again.recipe.threads is not None
    assert again.data["classes"] == run.description()["classes"]
    assert again.verdict["finished"]
    assert again.record()[0]["kind"] == "note"
    model = again.model()
    assert not model.training
    assert all(torch.equal(value, again.weights()[name]) for name, value in model.state_dict().items())
    assert again.target() is None
    assert repr(again) == f"Run('{run.path}')"


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="There is no run folder"):
        Run(tmp_path / "nowhere")
    with pytest.raises(BadRun, match=r"has no recipe\.json"):
        Run(tmp_path)


def test_a_damaged_run(run: Run, tmp_path: Path) -> None:
    for path in run.path.rglob("*.json"):
        place = tmp_path / path.relative_to(run.path)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(path.read_bytes())
    damaged = Run(tmp_path)
    with pytest.raises(BadRun, match="has no weights yet"):
        damaged.model()
    (tmp_path / "best" / "model.safetensors").write_bytes(b"\0" * 20)
    with pytest.raises(BadRun, match="cannot be read"):
        damaged.model()
    (tmp_path / "findings.json").write_text('{"format": 1, "verdict"')
    with pytest.raises(BadRun, match="cannot be read"):
        damaged.verdict  # noqa: B018
    newer = json.loads((tmp_path / "data.json").read_text()) | {"format": 99}
    (tmp_path / "data.json").write_text(json.dumps(newer))
    with pytest.raises(BadRun, match="has format 99; this version reads up to 1"):
        damaged.data  # noqa: B018


def test_another_network(run: Run) -> None:
    with pytest.raises(BadRun, match="do not fit the network"):
        run.model(torch.nn.Linear(4, 3))
