"""Ends a TCP connection with a reset, as a crash looks from the other side: no end of what was sent."""

import asyncio
import contextlib
import socket
import struct
from typing import cast


def reset_connection(transport: asyncio.BaseTransport) -> None:
    """Reset the connection of a stream transport; one that is closed already stays as it is."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):  # closed, and its transport not yet told
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cast("asyncio.Transport", transport).abort()  # uvloop's is one and does not say so
