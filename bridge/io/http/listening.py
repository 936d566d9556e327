"""Makes the listening sockets of the ingress."""

import socket

from bridge.io.http import tcp_window
from bridge.io.sockets import listen

BACKLOG = 4096


async def listen_for_ingress(host: str, port: int, write_timeout_s: float) -> list[socket.socket]:
    """Listen on ``host``, empty for all addresses; accepted connections inherit what is set here.

    Raises OSError where that is not possible.
    """
    options = tcp_window.listener_options(write_timeout_s)
    return await listen(host, port, backlog=BACKLOG, options=options)
