"""`trainwell report RUN --live`: the page of a run, kept up to date in the browser while it trains."""

import asyncio
import contextlib
import importlib.util
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trainwell.errors import BadValue, MissingExtra
from trainwell.report.live.app import Live, application
from trainwell.report.live.pages import Pages

_BACKLOG = 64
_GRACE = 1  # seconds that answers under way get at the end


def serve(
    folder: str | Path, host: str = "127.0.0.1", port: int = 0, *, say: Callable[[str], None] | None = None
) -> None:
    """Serve the page of a run until Ctrl-C.

    The folder has to hold a run already; it may be replaced while its page is served.

    Args:
        folder: The run or the study, under way or not.
        host: Name or number to listen on; only this machine reaches a loopback address, which is the default.
        port: Port to listen on; 0 takes a free one.
        say: Where to say the address, and whom it is open to; None prints it.

    Raises:
        BadRun: There is no run in the folder, or one of its files cannot be read.
        BadValue: The port is taken, or the host is not this machine.
        MissingExtra: starlette or uvicorn is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in ("starlette", "uvicorn")):
        raise MissingExtra("The live page", "live")
    tell = say or _printed
    pages = Pages(Path(folder))
    with _listening(host, port) as listening:

        def ready() -> None:
            bound = listening.getsockname()
            if not ipaddress.ip_address(bound[0]).is_loopback:
                tell(f"warning: whoever reaches this machine on {host} can read this page; there is no password")
            tell(f"{pages.folder}: http://{_written(host)}:{bound[1]}/ (Ctrl-C ends it)")

        _run(pages, host, listening, ready)


def _run(pages: Pages, host: str, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C, which may come as soon as `ready` has said that there is something to end."""
    import uvicorn

    class Server(uvicorn.Server):
        """One that leaves signals to us: its own are caught only when its loop stands, and raised anew at the end."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    live = Live(pages)
    app: Any = application(live, host)
    server = Server(
        uvicorn.Config(app, log_level="error", access_log=False, server_header=False, timeout_graceful_shutdown=_GRACE)
    )
    loop: asyncio.AbstractEventLoop | None = None

    def stop(*_: object) -> None:
        server.force_exit = server.should_exit  # asked for a second time
        server.should_exit = True
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(live.end)  # streams of events would go on for ever

    async def main() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        await server.serve(sockets=[listening])

    before = signal.signal(signal.SIGINT, stop)
    try:
        ready()
        asyncio.run(main())
    finally:
        signal.signal(signal.SIGINT, before)


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError, UnicodeError) as error:
        raise BadValue(
            f"--host {host} --port {port} is no address ({error}). Expected a name or number of this machine, and "
            "a port from 0 to 65535."
        ) from error
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise BadValue(
            f"Nothing can be served on port {port} of {host} ({error.strerror}). "
            "Give another --port, or none: a free one is taken then."
        ) from error
    return listening


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _printed(text: str) -> None:
    print(text, flush=True)
