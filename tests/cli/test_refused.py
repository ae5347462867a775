"""Requests that cannot be carried out: exit 2, one message that says what came and what to do, nothing written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from trainwell.cli.main import run

from .conftest import Done, Finished, Program

REQUESTS = {
    "fit digit": ("no file, folder or built-in called 'digit'", "Did you mean 'digits'?"),
    "fit ./digits": ("There is no file or folder ./digits",),
    "fit nowhere.csv": ("There is no file or folder nowhere.csv",),
    "fit notes.txt": ("not a kind of file that is read", "Expected"),
    "fit empty": ("is empty", "one folder per class"),
    "fit digits optimizer=sgdd": ("no optimizer called 'sgdd'", "Did you mean 'sgd'?", "adamw"),
    "fit digits augment=crop,flp": ("no augmentation called 'flp'", "Did you mean 'flip'?"),
    "fit digits optimzer=sgd": ("no field of a recipe called 'optimzer'", "Did you mean 'optimizer'?"),
    "fit digits optimizer.lrr=1": ("no argument of optimizers/sgd called 'lrr'", "Did you mean 'lr'?"),
    "fit digits recipe=tabel": ("no recipe called 'tabel'", "Did you mean 'table'?"),
    "fit digits optimizer.lr=fast": ("sgd.lr='fast'", "expected a number"),
    "fit digits optimizer.lr=-1": ("sgd.lr=-1", "(0, inf)"),
    "fit digits batch_size=0": ("batch_size=0", "[1, inf)"),
    "fit digits batch_size=2.5": ("batch_size=2.5", "a whole number"),
    "fit digits epochs=nan": ("epochs is not a number",),
    "fit digits precision=fp17": ("precision='fp17'", "'bf16'"),
    "fit digits valid_fraction=0.9": ("valid_fraction=0.9", "(0, 0.5]"),
    "fit digits lr": ("'lr' is no edit of the recipe", "key=value"),
    "fit digits epochs=1 epochs=2": ("epochs is given 2 times",),
    "fit digits seed=1 --seed 2": ("seed is given 2 times",),
    "fit digits --device gpu": ("--device gpu is not known", "cuda:N"),
    "fit digits --device meta": ("--device meta is not known",),
    "fit digits model=no.such:thing": ("the module 'no.such' cannot be imported", "package.module:attribute"),
    "fit digits model=json:nothing": ("no model in json called 'nothing'",),
    "fit digits model=os:getcwd": ("gave str, expected a torch.nn.Module",),
    "fit iris model=resnet18": ("takes images (C, H, W), got shape (4,)",),
    "fit table.csv": ("--target COLUMN", "size, label"),
    "fit table.csv --target lable": ("no column 'lable'", "Did you mean 'label'?"),
    "fit digits --target size": ("--target size has no effect",),
    "fit iris augment=flip": ("augment=flip works on", "Leave it out"),
    "fit iris views=flip": ("views=flip has no effect",),
    "fit iris layout=channels_last": ("layout=channels_last has no effect",),
    "fit iris image_size=32": ("image_size has no effect",),
    "fit digits loss=mse": ("loss=mse is for regression",),
    "fit diabetes monitor=valid_accuracy": ("monitor=valid_accuracy does not exist for regression", "valid_r2"),
    "fit digits --resume": ("--resume needs the run to go on with: --out RUN",),
    "fit digits --resume --force --out run": ("give one of them",),
    "fit digits --resume --out empty": ("empty holds no run to go on with",),
    "fit digits --out notes.txt": ("notes.txt is a file", "--out"),
    "fit digits --out notes.txt/run": ("notes.txt is a file",),
    "evaluate nowhere digits": ("no run folder 'nowhere'",),
    "evaluate empty digits": ("it has no recipe.json",),
    "check digits optimizer=sgdd": ("Did you mean 'sgd'?",),
    "check digits --device cuda:77": ("--device cuda:77 is not there",),
}


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("notes.txt").write_text("no data")
    Path("table.csv").write_text("size,label\n" + "".join(f"{k},{'ab'[k % 2]}\n" for k in range(40)))
    return tmp_path


@pytest.mark.parametrize("request_line", REQUESTS)
def test_a_request_that_cannot_be_carried_out(
    request_line: str, somewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sorted(somewhere.rglob("*"))
    assert run(request_line.split()) == 2
    err = capfd.readouterr().err
    assert err.startswith("trainwell: ")
    assert err.count("\n") == 1
    for words in REQUESTS[request_line]:
        assert words in err
    assert sorted(somewhere.rglob("*")) == before


@pytest.mark.parametrize(
    ("request_line", "words"),
    [
        ("fit", "Missing argument 'DATA'"),
        ("trian digits", "No such command 'trian'"),
        ("fit digits --thraeds 2", "No such option: --thraeds"),
        ("fit digits --threads 0", "--threads"),
        ("fit digits --max-broken 3", "--max-broken"),
    ],
)
def test_a_call_that_cannot_be_read(request_line: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(request_line.split()) == 2
    assert words in capfd.readouterr().err


@pytest.mark.usefixtures("somewhere")
def test_a_slip_is_told_before_the_data_is_read(capfd: pytest.CaptureFixture[str]) -> None:
    for slip in ("optimzer=sgd", "optimizer=sgdd", "epochs=0", "image_size=2"):
        assert run(["fit", "digits", slip]) == 2
        assert capfd.readouterr().out == ""


def test_the_program_itself_refuses(program: Program) -> None:
    program("fit", "digits", "optimizer=sgdd").refused("Did you mean 'sgd'?")


def test_evaluate_refuses_data_of_another_kind(
    digits_run: Finished, inside: Callable[..., Done], quarters: Path
) -> None:
    for source, words in (
        (quarters, ("the model",)),  # three channels against one
        ("iris", ("the model was trained on images",)),
        ("nowhere", ("no file, folder or built-in",)),
    ):
        inside("evaluate", digits_run.path, source).refused(*words)


def test_evaluate_refuses_classes_the_model_does_not_know(inside: Callable[..., Done], tmp_path: Path) -> None:
    rows = [f"{k % 7},{k % 11},{'ab'[k % 2]}" for k in range(60)]
    (tmp_path / "old.csv").write_text("\n".join(["size,weight,label", *rows]))
    (tmp_path / "new.csv").write_text("\n".join(["size,weight,label", *rows, "1,2,c"]))
    (tmp_path / "less.csv").write_text("\n".join(["size,label", *(f"{k},{'ab'[k % 2]}" for k in range(9))]))
    assert inside("fit", "old.csv", "--target", "label", "epochs=1", "--no-checks", "--out", "run").code in (0, 1)
    inside("evaluate", "run", "new.csv", "--target", "label").refused("c")
    inside("evaluate", "run", "less.csv", "--target", "label").refused("weight")
