"""The application behind the live page: the page, and events that say when it has changed."""

import asyncio
import contextlib
import ipaddress
import json
import re
import socket
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from trainwell.report.live.pages import Pages

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_LOOK = 0.5  # seconds between two looks at the folder
_ALIVE = 15.0  # seconds of silence after which a client is told that the line is alive
_RETRY = 2000  # milliseconds after which a client that has lost the line tries again
_HOST = re.compile(r"(\[(?P<number>[0-9a-fA-F:.]+)\]|(?P<name>[^:\[\]]+))(:\d+)?")
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


class Live:
    """What the clients share: one page, made by one thread at a time, and the news of it.

    Args:
        pages: The page.
    """

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.ending = False
        self._clients = 0
        self._news = asyncio.Event()
        self._making = asyncio.Lock()

    async def page(self, _request: "Request") -> "Response":
        """The page as it is now."""
        from starlette.responses import HTMLResponse

        await self._renew()
        return HTMLResponse(self.pages.html, headers={**_HEADERS, "X-Version": str(self.pages.version)})

    async def events(self, _request: "Request") -> "Response":
        """Server-sent events: the version of the page and the state of the run, at once and whenever they change."""
        from starlette.responses import StreamingResponse

        return StreamingResponse(self._told(), media_type="text/event-stream", headers=_HEADERS)

    async def watch(self) -> None:
        """Look at the folder while somebody looks at the page."""
        while True:
            await asyncio.sleep(_LOOK)
            if self._clients:
                await self._renew()

    def end(self) -> None:
        """Let all clients go."""
        self.ending = True
        self._tell()

    async def _renew(self) -> None:
        async with self._making:
            if not self.pages.due:
                return
            before = self.pages.version
            try:
                await _aside(self.pages.renew)
            except Exception:  # a mistake of ours in one page is not to end the next ones
                traceback.print_exc()
            if self.pages.version != before:
                self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _told(self) -> AsyncIterator[str]:
        self._clients += 1
        try:
            yield f"retry: {_RETRY}\n\n"
            told: dict[str, Any] = {}
            while not self.ending:
                news = self._news
                now = {"version": str(self.pages.version), "state": self.pages.state}
                if now != told:
                    told = now
                    yield f"event: run\ndata: {json.dumps(now)}\n\n"
                try:
                    await asyncio.wait_for(news.wait(), _ALIVE)
                except TimeoutError:
                    yield ": alive\n\n"
        finally:
            self._clients -= 1


class Guard:
    """Answers GET alone, and only to those who ask for this machine by its own name or by a number.

    A page from elsewhere whose name was made to point here (DNS rebinding) asks for that name, and gets nothing.

    Args:
        app: What is guarded.
        host: The name or number that is listened on.
    """

    def __init__(self, app: Any, host: str) -> None:
        self._app = app
        self._names = {host.lower(), "localhost", socket.gethostname().lower()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import PlainTextResponse

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        refused = None
        if not self._is_own(asked):
            refused = PlainTextResponse(f"This is not {asked}.\n", status_code=421, headers=_HEADERS)
        elif scope["method"] != "GET":
            refused = PlainTextResponse("Only GET is answered.\n", status_code=405, headers=_HEADERS | {"Allow": "GET"})
        await (self._app if refused is None else refused)(scope, receive, send)

    def _is_own(self, asked: str) -> bool:
        found = _HOST.fullmatch(asked)
        if found is None:
            return False
        name = found["number"] or found["name"]
        if name.lower() in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


async def _aside(work: Callable[[], None]) -> None:
    """Do it in a thread that does not keep the program from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[BaseException | None] = loop.create_future()

    def told(error: BaseException | None) -> None:
        if not done.done():
            done.set_result(error)

    def run() -> None:
        error = None
        try:
            work()
        except Exception as raised:  # raised anew where it is waited for
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(told, error)

    threading.Thread(target=run, daemon=True).start()
    error = await done
    if error is not None:
        raise error


def application(live: Live, host: str) -> "Starlette":
    """The application: `/` is the page, `/events` its news; nothing else is there, and nothing can be changed."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route

    @contextlib.asynccontextmanager
    async def watching(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(live.watch())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return Starlette(
        routes=[Route("/", live.page), Route("/events", live.events)],
        middleware=[Middleware(Guard, host=host)],
        lifespan=watching,
    )
