"""The tree of errors: exit codes and messages."""

import pytest

from trainwell.errors import (
    BadData,
    BadRun,
    BadValue,
    BadWeights,
    Diverged,
    Failed,
    Interrupted,
    MissingExtra,
    OutOfMemory,
    Refused,
    StorageFailed,
    TrainwellError,
    UnknownName,
    nearest,
)


@pytest.mark.parametrize(
    ("kind", "base", "code"),
    [
        (BadValue, Refused, 2),
        (BadData, Refused, 2),
        (BadRun, Refused, 2),
        (BadWeights, Refused, 2),
        (UnknownName, Refused, 2),
        (MissingExtra, Refused, 2),
        (StorageFailed, Failed, 3),
        (OutOfMemory, Failed, 3),
        (Diverged, TrainwellError, 1),
    ],
)
def test_every_error_has_its_base_and_its_exit_code(kind: type[TrainwellError], base: type, code: int) -> None:
    assert kind.exit_code == code
    assert issubclass(kind, base)
    assert issubclass(base, TrainwellError)
    assert issubclass(kind, ValueError) == (code == 2)


def test_an_interrupt_knows_its_signal() -> None:
    assert Interrupted("SIGINT", "stopped").exit_code == 130
    error = Interrupted("SIGTERM", "stopped at step 3")
    assert error.exit_code == 143
    assert str(error) == "stopped at step 3"


def test_an_unknown_name_names_the_nearest_and_all_known() -> None:
    error = UnknownName("optimizer", "loin", ["sgd", "lion"])
    assert str(error) == "There is no optimizer called 'loin'. Did you mean 'lion'? Known: lion, sgd."
    assert (error.name, error.known) == ("loin", ["lion", "sgd"])
    assert str(UnknownName("peel", "x", [])) == "There is no peel called 'x'. Known: none."


def test_a_missing_extra_says_how_to_install_it() -> None:
    assert str(MissingExtra("Export to ONNX", "onnx")) == (
        "Export to ONNX needs an optional dependency. Install it with: pip install 'trainwell[onnx]'"
    )


def test_nearest_ignores_case_and_is_silent_where_nothing_is_near() -> None:
    assert nearest("ADAM", ["adamw", "sgd"]) == "adamw"
    assert nearest("qqq", ["adamw", "sgd"]) is None
