"""`diagnose`: a run by its folder, any program by its script; verdict, exit code, JSON, and what is refused."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trainwell import Options, Run, checkup, fit
from trainwell.diagnoses import Diagnosis, finding_of
from trainwell.errors import BadRun, Diverged
from trainwell.method.diagnose import diagnose, diagnose_script
from trainwell.record import FINDINGS, RECORD, read_record

from .conftest import Done, Program

SCRIPT = """
import torch
from torch import nn
from pathlib import Path

VALUE = 3


def samples(seed, count):
    x = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))
    return x, x[:, :3].argmax(1)


def program(*behind, seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3), *behind)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    return model, nn.CrossEntropyLoss(), optimizer, samples(0, 120), samples(1, 60), 16, 5


def clean():
    return program()


def faulty():
    return program(nn.Softmax(1))


def seeded(seed):
    with open("seeds.txt", "a") as file:
        file.write(f"{seed}\\n")
    return program(nn.Softmax(1), seed=seed)


def by_name():
    model, loss, optimizer, train, valid, batch_size, epochs = faulty()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*train), batch_size=batch_size)
    return {"model": model, "loss": loss, "optimizer": optimizer, "train": loader, "valid": valid, "epochs": epochs}


def misnamed():
    return by_name() | {"epoch": 5}


def incomplete():
    return {"model": nn.Linear(6, 3)}


def six():
    return program()[:6]


def nothing():
    return None


def wrong():
    return (*program()[:6], -1)


def needy(lr, *, seed, width):
    return None


def breaks():
    raise KeyError("no such file")
"""


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with programs to look at, from which modules are imported."""
    (tmp_path / "mine.py").write_text(SCRIPT)
    (tmp_path / "broken.py").write_text("import there_is_no_such_module\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("mine", "broken"):
        sys.modules.pop(name, None)


def test_a_script_and_its_clean_twin(program: Program) -> None:
    (program.cwd / "mine.py").write_text(SCRIPT)
    done = program("diagnose", "--script", "mine:clean")
    assert done.code == 0, done.text
    assert done.out.splitlines()[0] == "Nothing is wrong as far as can be seen."
    done = program("diagnose", "--script", "mine:faulty")
    assert done.code == 1, done.text
    assert "output-activation-mismatch" in done.out
    assert done.out.startswith("1. ")


@pytest.mark.usefixtures("scripts")
def test_a_script_as_json_is_what_checkup_gives(inside: Callable[..., Done]) -> None:
    done = inside("diagnose", "--script", "mine:by_name", "--json", "--seed", "2")
    assert done.code == 1, done.text
    import mine

    arguments = mine.by_name()
    assert json.loads(done.out) == json.loads(json.dumps(checkup(**arguments, seed=2).json()))


def test_a_function_of_a_seed_is_the_build(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scripts)
    found = diagnose_script("mine:seeded", seed=7)
    assert isinstance(found, Diagnosis)
    seeds = (scripts / "seeds.txt").read_text().split()
    assert seeds[0] == "7" and set(seeds) - {"7"}  # it was made anew with another seed
    import mine

    assert (
        found.json()
        == checkup(*mine.seeded(7)[:5], batch_size=16, epochs=5, build=lambda seed: mine.seeded(seed), seed=7).json()
    )


@pytest.mark.usefixtures("scripts")
def test_a_cap_is_told(inside: Callable[..., Done]) -> None:
    done = inside("diagnose", "--script", "mine:faulty", "--seconds", "0.001")
    assert "cut short" in done.out
    assert done.code in (0, 1), done.text


@pytest.mark.usefixtures("scripts")
def test_wrong_scripts_are_refused(inside: Callable[..., Done]) -> None:
    def ask(name: str) -> Done:
        return inside("diagnose", "--script", name, "--seconds", "1")

    ask("mine").refused("expected module:function")
    ask(":clean").refused("expected module:function")
    ask("yours:clean").refused("no module 'yours'", "without .py")
    ask("mine.clean:clean").refused("no module 'mine.clean'")
    ask("mine:cleen").refused("no function in mine called 'cleen'", "Did you mean 'clean'")
    ask("mine:Path").refused("mine:Path gave PosixPath. Expected a tuple (model, loss, ")
    ask("mine:VALUE").refused("no function in mine called 'VALUE'")
    ask("mine:six").refused("gave tuple of 6", "(model, loss, optimizer, train, valid, batch_size, epochs)")
    ask("mine:nothing").refused("gave NoneType")
    ask("mine:misnamed").refused("called 'epoch'", "Did you mean 'epochs'")
    ask("mine:incomplete").refused("without loss, optimizer, train, epochs")
    ask("mine:wrong").refused("epochs=-1 is not possible")
    ask("mine:needy").refused("the function needs lr, width", "takes nothing, or a seed")
    ask("mine:clean --seconds").refused("no function in mine")
    failed = ask("mine:breaks")
    assert failed.code == 3 and "no such file" in failed.err  # an error within a script is shown with its place
    failed = ask("broken:clean")
    assert failed.code == 3 and "there_is_no_such_module" in failed.err


def test_what_to_look_at_is_one_thing(inside: Callable[..., Done]) -> None:
    inside("diagnose").refused("Give a run folder, or --script MODULE:FUNCTION")
    inside("diagnose", "run", "--script", "mine:clean").refused("and not both")
    inside("diagnose", "run", "--seconds", "3").refused("--seconds and --seed are for --script")
    inside("diagnose", "nowhere").refused("There is no run folder 'nowhere'")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that learns; it is not to be changed."""
    return fit("iris", ["epochs=20"], out=tmp_path_factory.mktemp("finished") / "run", options=Options(checks=False))


def test_a_finished_run_is_judged_as_fit_judged_it(finished: Run, inside: Callable[..., Done]) -> None:
    found = diagnose(finished.path)
    assert [finding.json() for finding in found] == finished.findings
    assert finished.verdict["healthy"] and not any(finding.severity == "error" for finding in found)
    done = inside("diagnose", finished.path)
    assert done.code == (0 if found.healthy else 1), done.text
    assert done.out == f"{found}\n"
    assert "not finished" not in done.out
    assert json.loads(inside("diagnose", finished.path, "--json").out) == found.json()


def test_a_run_that_goes_on_is_read_as_far_as_it_is(finished: Run, tmp_path: Path) -> None:
    """The folder as it stands in the middle of a run: a part of the record, and no verdict."""
    half = tmp_path / "half"
    shutil.copytree(finished.path, half)
    lines = (half / RECORD).read_bytes().splitlines(keepends=True)
    epochs = [number for number, line in enumerate(lines) if json.loads(line)["kind"] == "epoch"]
    (half / RECORD).write_bytes(b"".join(lines[: epochs[2] + 1]) + b'{"kind": "epo')  # a torn line
    (half / FINDINGS).write_text(json.dumps({"format": 1, "findings": [], "verdict": {"finished": False}}))
    found = diagnose(half)
    assert "The run is not finished." in found.notes
    last, whole = (read_record(path, "epoch")[-1]["step"] for path in (half, finished.path))
    assert f"Watched for {last} of {whole} steps." in found.notes
    (half / RECORD).write_bytes(b"")
    assert diagnose(half).healthy  # nothing has been seen yet
    (half / RECORD).unlink()
    with pytest.raises(BadRun, match="has no record yet"):
        diagnose(half)


def test_a_run_that_has_not_learnt_is_an_error(tmp_path: Path, inside: Callable[..., Done]) -> None:
    edits = ["epochs=3", "optimizer.lr=1e-9"]
    run = fit("diabetes", edits, out=tmp_path / "run", options=Options(checks=False))
    assert not run.verdict["healthy"]
    found = diagnose(run.path)
    assert found[0].problem == "no-learning"
    assert [finding.json() for finding in found] == run.findings
    assert [finding_of(finding) for finding in run.findings] == list(found)
    assert inside("diagnose", run.path).code == 1


def test_a_run_that_diverged_says_so(tmp_path: Path, inside: Callable[..., Done]) -> None:
    with pytest.raises(Diverged):
        edits = ["epochs=3", "optimizer=sgd", "optimizer.lr=1e30"]
        fit("diabetes", edits, out=tmp_path / "run", options=Options(checks=False))
    asked = inside("diagnose", "run", "--json")
    assert asked.code == 1, asked.text
    assert "divergence" in [finding["problem"] for finding in json.loads(asked.out)["findings"]]
