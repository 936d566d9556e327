"""The HTTP side of the admin endpoint, by aiohttp's low-level server. Known: aiohttp 3.14.

What is changed of it: whatever a stranger sends gets a short answer that repeats nothing of it, names no
library, and is not logged as an error.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from yarl import URL

SERVER_NAME = "vod-event-bridge"  # else aiohttp writes its own and Python's version

_BODY_MAX_BYTES = 65_536
_LINGERING_TIME_S = 0.0  # a body that nobody reads is not waited for


class _Protocol(web.RequestHandler):
    """One connection's HTTP."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP; the library would log a traceback and repeat the input."""
        del exc, message
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        response = web.Response(
            status=status,
            text="not understood\n" if status < 500 else "failed\n",  # noqa: PLR2004 - the server's own errors
            headers={"Server": SERVER_NAME},
        )
        response.force_close()
        return response

    def log_exception(self, *args: object, **kw: object) -> None:
        """Log as debug: all that comes here is a client's doing. The pages' own errors are logged by them."""
        self.logger.debug(*args, **kw)  # type: ignore[arg-type] # the library's signature


def _make_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: "asyncio.Task[None]",
) -> web.BaseRequest:
    """Make the request; one without a target ("CONNECT" and two blanks) gets an empty URL."""
    if not message.path:
        message = message._replace(path="", url=URL())
    return web.BaseRequest(
        message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=_BODY_MAX_BYTES
    )


class HttpServer:
    """Makes the protocol of a connection; ``answer`` gives the response to a request."""

    def __init__(self, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        # Who leaves is not worked for any longer.
        self._server = web.Server(
            handle, request_factory=_make_request, access_log=None, handler_cancellation=True
        )

    def make_protocol(self) -> asyncio.Protocol:
        """Make the protocol of one connection; it is what a request names as its ``protocol``."""
        return _Protocol(
            self._server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # as web.Server itself passes it on
            lingering_time=_LINGERING_TIME_S,
        )

    async def stop(self, within_s: float) -> None:
        """End all connections."""
        await self._server.shutdown(timeout=within_s)
