from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainwell.data.open import open_data
from trainwell.errors import BadData, BadValue, Refused, UnknownName

Make = Callable[..., Path]


def test_unknown_name_and_missing_file() -> None:
    with pytest.raises(UnknownName, match=r"no file, folder or built-in called 'digts'. Did you mean 'digits'\?"):
        open_data("digts")
    with pytest.raises(BadData, match=r"There is no file or folder some/where\. Expected a folder of class folders"):
        open_data("some/where")
    with pytest.raises(BadData, match=r"There is no file or folder photos\.csv"):
        open_data("photos.csv")


def test_builtin_wins_over_a_file_unless_it_is_written_as_a_path(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert open_data("digits").source == "digits"
    with pytest.raises(BadData, match="is empty"):
        open_data("./digits")


@pytest.mark.parametrize("name", ["photo.jpg", "photos.zip", "table.xlsx"])
def test_other_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(BadData, match="is not a kind of file that is read") as caught:
        open_data(tmp_path / name)
    assert ("Unpack it first" in str(caught.value)) == (name == "photos.zip")


def test_options_without_effect_are_refused(folder: Make, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n1,0\n")
    for source in (folder({"a": 1, "b": 1}), "iris", (np.zeros((4, 2)), np.zeros(4))):
        with pytest.raises(BadValue, match="--target y has no effect"):
            open_data(source, target="y")
    with pytest.raises(BadValue, match="image_size has no effect"):
        open_data(tmp_path / "t.csv", target="y", image_size=8)


@pytest.mark.parametrize(
    "options", [{"max_broken": 1.5}, {"image_size": 0}, {"threads": 0}, {"parts": "train"}, {"valid_fraction": 0.9}]
)
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(BadValue, match=next(iter(options))):
        open_data("iris", **options)


def test_another_kind_than_the_run(folder: Make, tmp_path: Path, cache: Path) -> None:
    table, pictures = open_data("iris").decoding, open_data("digits").decoding
    with pytest.raises(BadData, match="a folder of images, and the model was trained on a table"):
        open_data(folder({"a": 2, "b": 2}), parts="test", like=table, cache=cache)
    (tmp_path / "t.csv").write_text("a,y\n1,0\n")
    with pytest.raises(BadData, match="is a table, and the model was trained on images"):
        open_data(tmp_path / "t.csv", parts="test", like=pictures)


def test_every_refusal_exits_2() -> None:
    with pytest.raises(Refused) as caught:
        open_data("nothing")
    assert caught.value.exit_code == 2
