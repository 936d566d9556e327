"""How many bytes a client may have sent that nobody has read: they take memory of ours, for each connection.

Common callbacks fit into the small window. A large body gets the large one when there is room for it.
"""

import asyncio
import socket
from contextlib import suppress

from aiohttp.http_parser import RawRequestMessage

SMALL = 32 * 1024
LARGE = 1024 * 1024
_CLAMP: int | None = getattr(socket, "TCP_WINDOW_CLAMP", None)  # Linux


def set_up(transport: asyncio.BaseTransport) -> None:
    """Prepare a new connection."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        # An idle client that is gone without a word is found out by the kernel.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        open_to(transport, SMALL)


def open_to(transport: asyncio.BaseTransport | None, size: int) -> None:
    """Let a client send so many bytes ahead of our reading."""
    sock: socket.socket | None = transport.get_extra_info("socket") if transport is not None else None
    if sock is not None and _CLAMP is not None:
        with suppress(OSError):  # it is closed already
            sock.setsockopt(socket.IPPROTO_TCP, _CLAMP, size)


def exceeds(message: RawRequestMessage) -> bool:
    """Whether a request's body is larger than the small window, or of unknown size."""
    size = message.headers.get("Content-Length", "")
    return not size.isdecimal() or int(size) > SMALL
