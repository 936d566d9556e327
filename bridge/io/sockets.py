"""Sockets that are listened on: one address, or IPv4 and IPv6 alike."""

import asyncio
import errno
import socket
from collections.abc import Iterable

# What a machine says on which IPv6 is not compiled in, or switched off (net.ipv6.conf.*.disable_ipv6).
_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})

SocketOption = tuple[int, int, int]
"""Level, name and value, as `socket.setsockopt` takes them."""


async def listen(
    host: str, port: int, *, backlog: int = 128, options: Iterable[SocketOption] = ()
) -> list[socket.socket]:
    """Listen on every address of ``host``; empty: on all of the machine's, by IPv4 and, where it is, IPv6.

    ``options`` are set before, so that accepted connections inherit them. Port 0 takes a free one, the same
    for all of them. Raises OSError where an address cannot be used.
    """
    options = tuple(options)
    if not host:
        return [_listen_wildcard(port, backlog, options)]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            try:
                sockets.append(_listening_socket(family, (address[0], port, *address[2:]), backlog, options))
            except OSError as error:
                if family != socket.AF_INET6 or error.errno not in _NO_IPV6:
                    raise
                missing = error  # a name like localhost has an address by IPv6 on machines without
                continue
            port = sockets[0].getsockname()[1]
    except OSError:
        for each in sockets:
            each.close()
        raise
    if missing is not None and not sockets:
        raise missing
    return sockets


def _listen_wildcard(port: int, backlog: int, options: tuple[SocketOption, ...]) -> socket.socket:
    if socket.has_dualstack_ipv6():
        try:
            return _listening_socket(socket.AF_INET6, ("::", port, 0, 0), backlog, options, dual_stack=True)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
    return _listening_socket(socket.AF_INET, ("0.0.0.0", port), backlog, options)  # noqa: S104 - what was asked for


def _listening_socket(
    family: int,
    address: tuple[object, ...],
    backlog: int,
    options: tuple[SocketOption, ...],
    *,
    dual_stack: bool = False,
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not dual_stack)
        for option in options:
            sock.setsockopt(*option)
        sock.bind(address)
        sock.listen(backlog)
        sock.settimeout(0)
    except OSError:
        sock.close()
        raise
    return sock
