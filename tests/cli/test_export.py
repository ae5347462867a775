"""`trainwell export`: what it prints, and its exit codes."""

from collections.abc import Callable

from .conftest import Done, Finished


def test_a_folder_and_what_was_found(digits_run: Finished, inside: Callable[..., Done]) -> None:
    done = inside("export", digits_run.path, "--out", "shipped")
    assert done.code == 0, done.text
    assert "checked on 128 images of digits" in done.text
    assert "same class for 128 of 128 (tolerance 1e-04)" in done.text
    for name in ("README.md", "config.json", "model.onnx", "read.py"):
        assert f"  {name} " in done.text
    inside("export", digits_run.path, "--out", "shipped").refused("shipped holds an export", "--force")


def test_requests_that_cannot_be_carried_out(digits_run: Finished, inside: Callable[..., Done]) -> None:
    inside("export", "nowhere").refused("no run folder 'nowhere'")
    inside("export", digits_run.path, "--format", "tensorflow").refused("no export format called 'tensorflow'", "onnx")
    inside("export", digits_run.path, "--format", "onxx").refused("Did you mean 'onnx'?")
