"""A small real forward proxy: CONNECT for https, whole URLs for http, a login if one is asked for."""

import asyncio
import base64
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_PIECE = 64 * 1024


class ForwardProxy:
    """Listens on a free port of loopback. ``login`` (``user:password``) is asked for where it is given.

    ``tunnels`` are the targets of CONNECT, ``urls`` those that were asked for whole.
    """

    def __init__(self, login: str = "") -> None:
        self._expected_authorization = (
            f"basic {base64.b64encode(login.encode()).decode()}".lower() if login else ""
        )
        self.tunnels: list[str] = []
        self.urls: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._tunnel(reader, writer)
        writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        if (
            self._expected_authorization
            and f"proxy-authorization: {self._expected_authorization}" not in head.lower()
        ):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        if method == "CONNECT":
            self.tunnels.append(target)
            host, _, port = target.rpartition(":")
            there, back = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            self.urls.append(target)
            parts = urlsplit(target)
            there, back = await asyncio.open_connection(parts.hostname, parts.port or 80)
            kept = [line for line in head.split("\r\n") if not line.lower().startswith("proxy-")]
            kept[0] = f"{method} {parts.path or '/'} HTTP/1.1"
            back.write("\r\n".join(kept).encode("latin-1"))
        await asyncio.gather(_pipe(reader, back), _pipe(there, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
    writer.close()
