"""The pages as a browser shows them: read, clicked through, and followed while a run trains."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from trainwell.lab.atlas import Entry, page
from trainwell.lab.claims import claims
from trainwell.lab.records import recorded
from trainwell.method.fit import fit
from trainwell.method.look import Options
from trainwell.report.compare import write_comparison
from trainwell.report.write import write_report

pytestmark = pytest.mark.slow

VIEWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
LONG = 120_000  # milliseconds until something that has to come is given up
HOSTILE = ["<script>alert(1)<script>", '"><img src=x onerror=alert(1)>', "[red]", "{{7*7}}"]
SERVE = "import sys; from trainwell.report.live.serve import serve; serve(sys.argv[1])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium")
    if path is None:
        if "CI" in os.environ:
            pytest.fail("chromium is not installed, and CI has to look at the pages")
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = started.chromium.launch(executable_path=path, args=arguments)
        yield opened
        opened.close()


@contextlib.contextmanager
def visit(browser: Any, address: str, width: int = 1280, scheme: str = "light") -> Iterator[Any]:
    """A page that must neither complain, nor ask, nor fetch anything from elsewhere, nor be wider than the screen."""
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    wrong: list[str] = []
    tab.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    tab.on("request", lambda request: None if _is_own(request.url, address) else wrong.append(request.url))
    try:
        tab.goto(address)
        yield tab
        across = tab.evaluate("document.documentElement.scrollWidth")
        assert across <= width, f"{across} wide on a screen of {width}"
        assert wrong == []
    finally:
        context.close()


def _is_own(asked: str, address: str) -> bool:
    if asked.startswith("data:"):
        return True
    own, other = urlsplit(address), urlsplit(asked)
    return asked == address if own.scheme == "file" else (own.scheme, own.netloc) == (other.scheme, other.netloc)


def click_through(tab: Any) -> None:
    """Follow every link of the contents, and open all there is to open."""
    from playwright.sync_api import expect

    links = tab.locator("nav a")
    assert links.count() > 2
    for link in links.all():
        if link.is_visible():
            link.click()
            target = tab.locator(f"[id='{link.get_attribute('href')[1:]}']")
            expect(target).to_be_in_viewport()
    for summary in tab.locator("summary").all():
        if summary.is_visible():
            summary.click()
    assert tab.locator("details:not([open]) > summary:visible").count() == 0


def read_by_keyboard(tab: Any) -> str:
    """What the arrow keys read off the first chart."""
    chart = tab.locator("svg[data-read]").first
    chart.focus()
    chart.press("Home")
    first = tab.locator(".reading").inner_text()
    chart.press("ArrowRight")
    second = tab.locator(".reading").inner_text()
    assert tab.locator(".reading").is_visible()
    assert first != second
    chart.press("Escape")
    assert tab.locator(".reading").is_hidden()
    return str(second)


@pytest.fixture(scope="module")
def report(iris_longer: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(iris_longer, tmp_path_factory.mktemp("page") / "report.html").as_uri()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_report(browser: Any, report: str, width: int, scheme: str) -> None:
    with visit(browser, report, width, scheme) as tab:
        click_through(tab)
        assert re.search(r"\d", read_by_keyboard(tab))
        copy = tab.locator("button[data-copy]").first
        copy.click()
        tab.locator("button[data-copy]", has_text="Copied").wait_for()
        copied = tab.evaluate("navigator.clipboard.readText()")
        assert copied == tab.locator(f"#{copy.get_attribute('data-copy')}").text_content()
        paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", paper)[:3])) < 200) == (scheme == "dark")


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_comparison(browser: Any, iris_run: Path, iris_longer: Path, tmp_path: Path, width: int, scheme: str) -> None:
    path = write_comparison([iris_run, iris_longer], tmp_path / "page.html")
    with visit(browser, path.as_uri(), width, scheme) as tab:
        click_through(tab)
        assert "short" in read_by_keyboard(tab)


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_an_atlas(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    records = [(claim, recorded(claim)) for claim in claims]
    entries = [Entry(claim, record.outcome, None) for claim, record in records if record is not None][:3]
    path = tmp_path / "index.html"
    path.write_text(page(entries), encoding="utf-8")
    with visit(browser, path.as_uri(), width, scheme) as tab:
        click_through(tab)
        assert tab.locator("svg").count() >= len(entries)


def test_hostile_names(browser: Any, tmp_path: Path, bright_quarters: Any) -> None:
    from PIL import Image

    made = bright_quarters(160)
    for place, (image, label) in enumerate(zip(made["x"], made["y"], strict=True)):
        folder = tmp_path / "photos" / HOSTILE[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f'{place}"><img src=x onerror=alert(2)>.png')
    run = fit(
        tmp_path / "photos",
        ("model.width=8", "batch_size=32", "precision=fp32", "layout=contiguous", "epochs=1", "valid_fraction=0.25"),
        out=tmp_path / "<b>run",
        options=Options(checks=False),
    )
    with visit(browser, write_report(run.path).as_uri()) as tab:
        click_through(tab)
        assert tab.locator("h1").inner_text() == "<b>run"
        assert tab.locator("img:not([src^='data:']), [onerror]").count() == 0
        text = tab.locator("main").inner_text()
        for name in HOSTILE:
            assert name in text


@pytest.mark.timeout(900)
def test_the_live_page_follows_a_run(browser: Any, iris_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(iris_run, run)
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(run)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    training = None
    try:
        address = server.stdout.readline().rpartition("http")[2].partition(" ")[0]
        with visit(browser, f"http{address}", 390) as tab:
            mark, told = tab.locator("#live"), tab.locator("#verdict .banner")
            tab.locator("#live", has_text="finished").wait_for(timeout=LONG)
            tab.locator("#recipe summary").first.click()
            tab.locator("#environment").scroll_into_view_if_needed()
            program = Path(sys.executable).with_name("trainwell")
            words = ["fit", "wine", "epochs=160", "--no-checks", "--force", "--out", str(run)]
            training = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            tab.locator("#live", has_text=re.compile("^live$")).wait_for(timeout=LONG)
            tab.locator("#verdict .banner", has_text="Epoch").wait_for(timeout=LONG)
            before = told.inner_text()
            tab.locator("#verdict .banner").filter(has_not_text=before.splitlines()[-1]).wait_for(timeout=LONG)
            assert tab.locator("#recipe details").first.get_attribute("open") is not None
            assert tab.evaluate("scrollY") > 0
            assert training.wait(4 * LONG / 1000) in (0, 1)
            tab.locator("#live", has_text="finished").wait_for(timeout=LONG)
            tab.locator("#state", has_text="finished").wait_for(timeout=LONG)
            assert "wine" in tab.locator("#data").inner_text()
            assert mark.get_attribute("data-state") == "finished"
        server.send_signal(signal.SIGINT)
        assert server.wait(LONG / 1000) == 0
    finally:
        for process in (server, training):
            if process is not None and process.poll() is None:
                process.kill()
        server.communicate()
