import os
from collections.abc import Callable
from pathlib import Path

import pytest

from trainwell.data.folders import alike, list_folder
from trainwell.errors import BadData

Make = Callable[..., Path]


def refused(root: Path, parts: str = "fit") -> str:
    with pytest.raises(BadData) as caught:
        list_folder(root, parts)
    return str(caught.value)


def test_flat_folder_nested_files_count_for_the_top_class(folder: Make) -> None:
    root = folder({"ants": 2, "bees": 1})
    (root / "ants" / "2019" / "june").mkdir(parents=True)
    (root / "ants" / "000.png").rename(root / "ants" / "2019" / "june" / "a.png")
    listing = list_folder(root, "fit")
    assert listing.paths == ("ants/001.png", "ants/2019/june/a.png", "bees/000.png")
    assert listing.folders.tolist() == ["ants", "ants", "bees"]
    assert listing.parts.tolist() == ["train"] * 3 and not listing.given
    assert listing.stamps[0].tolist() == [
        (root / "ants/001.png").stat().st_size,
        (root / "ants/001.png").stat().st_mtime_ns,
    ]


def test_hidden_and_system_files_are_passed_over_and_counted(folder: Make) -> None:
    root = folder({"ants": 1, "bees": 1})
    for name in ("ants/.DS_Store", "ants/Thumbs.db", "bees/desktop.ini", ".git", "__MACOSX"):
        (root / name).mkdir() if name == "__MACOSX" else (root / name).touch()
    (root / "readme.txt").touch()
    listing = list_folder(root, "fit")
    assert len(listing.paths) == 2
    assert listing.notes == ("5 hidden or system files passed over", "1 file beside the class folders passed over")


@pytest.mark.parametrize("valid", ["val", "valid", "Validation", "dev"])
def test_parts_by_name_and_test_is_never_listed(folder: Make, valid: str) -> None:
    root = folder({"ants": 2, "bees": 2}, "train")
    folder({"ants": 1, "bees": 1}, valid)
    folder({"ants": 1, "bees": 1}, "test")
    os.chmod(root / "test", 0)
    (root / "test").rename(root / "Test")
    listing = list_folder(root, "fit")
    assert sorted(set(listing.parts.tolist())) == ["train", "valid"] and listing.given
    assert listing.notes == ("Test left unopened",) and listing.unlisted == ()
    os.chmod(root / "Test", 0o755)
    assert set(list_folder(root, "test").paths) == {"Test/ants/000.png", "Test/bees/000.png"}
    assert set(list_folder(root, "all").parts.tolist()) == {"all"} and len(list_folder(root, "all").paths) == 8


def test_test_folder_is_not_opened_at_all(folder: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder({"ants": 2, "bees": 2})
    folder({"ants": 1, "bees": 1}, "test")
    opened: list[str] = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: opened.append(str(path)) or real(path))
    list_folder(root, "fit")
    assert opened and not any("test" in Path(path).parts[len(root.parts) :] for path in opened)


def test_a_class_called_train_is_a_class(folder: Make) -> None:
    listing = list_folder(folder({"car": 1, "plane": 1, "train": 1}), "fit")
    assert listing.classes == {"train": ("car", "plane", "train")}


def test_a_link_that_leads_back_up_ends(folder: Make) -> None:
    root = folder({"ants": 1, "bees": 1})
    (root / "ants" / "again").symlink_to(root / "ants")
    assert list_folder(root, "fit").paths == ("ants/000.png", "bees/000.png")


def test_dangling_link_is_kept_for_the_reader_to_name(folder: Make) -> None:
    root = folder({"ants": 1, "bees": 1})
    (root / "ants" / "gone.png").symlink_to(root / "nowhere")
    (root / "ants" / "self.png").symlink_to("self.png")
    (root / "round").symlink_to("round")
    listing = list_folder(root, "fit")
    assert listing.stamps[listing.paths.index("ants/gone.png")].tolist() == [-1, -1]


def test_names_that_are_no_text(folder: Make) -> None:
    root = folder({"bees": 1})
    odd = os.fsencode(root) + b"/ant\xff"
    os.mkdir(odd)
    (root / "bees" / "000.png").rename(root / "bees" / "1.png")
    with open(odd + b"/a\xfe.png", "wb"):
        pass
    listing = list_folder(root, "fit")
    assert listing.classes["train"] == ("ant\\xff", "bees")
    listing.fingerprint()


def test_empty_and_without_classes(tmp_path: Path, folder: Make) -> None:
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty") == (
        f"The folder {tmp_path / 'empty'} is empty. Expected one folder per class, with its images inside."
    )
    flat = folder({"": 3})
    assert "has 3 files and no folders inside. Expected one folder per class" in refused(flat)
    unsorted = folder({"train": 2, "test": 2}, name="unsorted")
    assert f"{unsorted / 'train'} has 2 files and no folders inside" in refused(unsorted)


def test_wrapped_once_more(folder: Make) -> None:
    root = folder({"ants": 1, "bees": 1}, "inner")
    assert f"give {root / 'inner'} instead" in refused(root)


def test_valid_without_train_and_test_alone(folder: Make) -> None:
    assert "'val' and no 'train'" in refused(folder({"ants": 1}, "val"))
    assert "which training never opens" in refused(folder({"ants": 1}, "test", name="other"))


def test_two_validation_folders(folder: Make) -> None:
    folder({"a": 1, "b": 1}, "train")
    folder({"a": 1}, "val")
    assert "more than one valid folder" in refused(folder({"a": 1}, "valid"))


def test_to_evaluate_without_a_test_folder_name_the_part(folder: Make) -> None:
    folder({"a": 1, "b": 1}, "train")
    root = folder({"a": 1, "b": 1}, "val")
    assert f"no test folder. Name the part to evaluate on, e.g. {root / 'val'}." in refused(root, "test")
    assert set(list_folder(root / "val", "test").parts.tolist()) == {"test"}


def test_alike() -> None:
    assert alike(["Cat", "cat", "dog"]) == [("Cat", "cat")]
