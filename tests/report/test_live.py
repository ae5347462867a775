"""The live page, by the real server in a process of its own."""

import fcntl
import html
import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from trainwell.cli.main import run as program
from trainwell.errors import BadRun, BadValue, MissingExtra
from trainwell.report.live.serve import serve

SERVE = "import sys; from trainwell.report.live.serve import serve; serve(sys.argv[1], *sys.argv[2:])"
LONG = 60.0  # seconds until something that has to come is given up


@dataclass(frozen=True)
class Served:
    """A server, and the run that it shows."""

    process: subprocess.Popen[str]
    run: Path
    port: int

    def ask(self, path: str = "/", method: str = "GET", host: str = "") -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG)
        connection.request(method, path, headers={"Host": host or f"127.0.0.1:{self.port}"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    def news(self) -> IO[bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG)
        connection.request("GET", "/events")
        answer = connection.getresponse()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        return answer


def next_of(news: IO[bytes]) -> dict[str, Any]:
    """The next event of a stream."""
    while True:
        line = news.readline()
        assert line, "the stream has ended"
        if line.startswith(b"data: "):
            return json.loads(line.removeprefix(b"data: "))


def until(news: IO[bytes], state: str) -> dict[str, Any]:
    """The first event in which the run is in this state."""
    while (event := next_of(news))["state"] != state:
        pass
    return event


def start(run: Path, *more: str) -> tuple[subprocess.Popen[str], list[str]]:
    """A server, and what it says until its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(run), *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = [process.stdout.readline()]
    while "http://" not in said[-1]:
        assert said[-1], "".join(said)
        said.append(process.stdout.readline())
    return process, said


@pytest.fixture
def served(iris_run: Path, tmp_path: Path) -> Iterator[Served]:
    run = tmp_path / "run"
    shutil.copytree(iris_run, run)
    process, said = start(run)
    assert len(said) == 1, "no warning of a loopback address"
    yield Served(process, run, int(said[0].split("http://127.0.0.1:")[1].split("/")[0]))
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_news_come_while_a_run_is_under_way(served: Served) -> None:
    news = served.news()
    first = next_of(news)
    assert first["state"] == "finished"
    record = served.run / "record.jsonl"
    lines = record.read_text().splitlines(keepends=True)
    with open(served.run / ".lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (served.run / "findings.json").unlink()
        record.write_text("".join(lines[:-3]))
        running = until(news, "running")
        with open(record, "a") as file:
            file.write("".join(lines[-3:]))
        changed = next_of(news)
        assert int(first["version"]) < int(running["version"]) < int(changed["version"])
    until(news, "stopped")
    (served.run / "recipe.json").rename(served.run / "kept.json")
    until(news, "unreadable")
    assert served.ask()[0] == 200, "the last page stays"
    (served.run / "kept.json").rename(served.run / "recipe.json")
    until(news, "stopped")
    served.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert served.process.wait(LONG) == 0
    assert time.monotonic() - began < 10, "a second on a quiet machine"
    assert news.read().strip() == b"", "the stream is at its end"


def test_the_page_is_given_to_this_machine_alone(served: Served) -> None:
    status, headers, text = served.ask()
    assert status == 200
    assert "<main" in text
    assert "connect-src 'self'" in html.unescape(text)
    assert headers["cache-control"] == "no-store"
    assert served.ask(host=f"localhost:{served.port}")[0] == 200
    for host in ("evil.example", f"evil.example:{served.port}", "127.0.0.1.evil.example", "[::1].evil.example"):
        refused = served.ask(host=host)
        assert refused[0] == 421, host
        assert "<main" not in refused[2]
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
        assert served.ask(method=method)[0] == 405, method
    assert served.ask("/record.jsonl")[0] == 404
    assert served.ask("/../recipe.json")[0] == 404
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", served.port), timeout=5)


def test_an_address_that_others_reach_is_warned_of(iris_run: Path) -> None:
    process, said = start(iris_run, "0.0.0.0")
    assert "whoever reaches this machine" in said[0]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LONG)
    assert process.returncode == 0


def test_what_cannot_be_served_is_refused(
    iris_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadRun, match="There is no run folder"):
        serve(tmp_path / "nowhere")
    with pytest.raises(BadValue, match="is no address"):
        serve(iris_run, "no.such.host.invalid")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert program(["report", str(iris_run), "--live", "--port", str(taken.getsockname()[1])]) == 2
    told = capsys.readouterr()
    assert "Give another --port" in told.err
    assert "http://" not in told.out
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtra, match=r"trainwell\[live\]"):
        serve(iris_run)
