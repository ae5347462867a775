"""`write_report`: where the page goes, and what it never replaces."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainwell.errors import BadRun, BadValue, StorageFailed
from trainwell.report.write import write_report


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text('{"format": 1}')
    return tmp_path / "run"


def test_the_page_goes_into_the_folder_or_where_it_is_asked_for(run_folder: Path, tmp_path: Path) -> None:
    assert write_report(run_folder) == run_folder / "report.html"
    assert write_report(run_folder) == run_folder / "report.html"  # an older page is replaced
    assert write_report(run_folder, tmp_path / "new" / "page.html").read_text().startswith("<!doctype html>")
    assert [path.name for path in run_folder.iterdir() if path.suffix == ".tmp"] == []


def test_what_is_no_page_of_ours_stays(run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "thesis.html"
    other.write_text("<html>years of work</html>")
    with pytest.raises(BadValue, match=r"thesis\.html is there and is no page of Trainwell"):
        write_report(run_folder, other)
    assert other.read_text() == "<html>years of work</html>"
    with pytest.raises(BadValue, match=r"is a folder\. Give the page a name"):
        write_report(run_folder, tmp_path)
    with pytest.raises(BadValue, match=r"thesis\.html is a file"):
        write_report(run_folder, other / "page.html")


@pytest.fixture
def no_room() -> Iterator[None]:
    """Files may not grow beyond 100 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("no_room")
def test_no_run_and_no_room(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRun, match="There is no run folder"):
        write_report(tmp_path / "none")
    with pytest.raises(StorageFailed, match=r"Writing .* failed"):
        write_report(run_folder, tmp_path / "page.html")
    assert not list(tmp_path.glob("page.html*"))
