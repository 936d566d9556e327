"""What one connection may have in the kernel: bytes that we have not read, responses its client has not.

Common callbacks fit into the small window. A large body that comes gets the large one, a few at a time.
"""

import asyncio
import fcntl
import socket
import sys
import termios
from contextlib import suppress

from bridge.io.sockets import SocketOption

# Not less than a segment of the loopback interface (65,483 bytes): a client that cannot fill one waits for
# delayed acknowledgements, 128 ms for each window.
SMALL_WINDOW = 64 * 1024
# What a connection begins with, where the kernel lets it grow with what is read.
_FIRST_WINDOW = 32 * 1024
LARGE_WINDOW = 1024 * 1024
_CLAMP: int | None = getattr(socket, "TCP_WINDOW_CLAMP", None)  # Linux
_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux
# Linux 5.14 and later, asm-generic/socket.h: which buffers the kernel must not size by itself.
_BUF_LOCK, _SEND_BUFFER_LOCKED = 72, 1
# Linux takes twice this, for its own bookkeeping.
_SEND_BUFFER_BYTES = 8 * 1024
# Answers beyond it wait in the process, and the client is not read on until it reads.
WRITE_BUFFER_BYTES = 16 * 1024


def listener_options(write_timeout_s: float) -> list[SocketOption]:
    """Give what the listening socket is set to, and every accepted connection with it."""
    options = [
        # An idle client that is gone without a word is found out by the kernel.
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES),
    ]
    if _USER_TIMEOUT is not None:
        # Answers that the kernel holds and the client does not take: too few to be noticed above it.
        options.append((socket.IPPROTO_TCP, _USER_TIMEOUT, int(write_timeout_s * 1000)))
    if _can_unlock_buffers():
        # What a connection begins with; it grows with what is read. Of a thousand bodies that begin at once,
        # each brings half as much to be read in one turn. Left locked, it would bound the window for good.
        options.append((socket.SOL_SOCKET, socket.SO_RCVBUF, _FIRST_WINDOW))
        options.append((socket.SOL_SOCKET, _BUF_LOCK, _SEND_BUFFER_LOCKED))
    return options


def _can_unlock_buffers() -> bool:
    """Whether the kernel can be given a buffer's first size and sizes it by itself from then on."""
    if sys.platform != "linux":
        return False
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, _BUF_LOCK, _SEND_BUFFER_LOCKED)
        except OSError:
            return False
    return True


def set_window(transport: asyncio.BaseTransport | None, size_bytes: int) -> None:
    """Let a client send so many bytes ahead of our reading."""
    sock: socket.socket | None = transport.get_extra_info("socket") if transport is not None else None
    if sock is not None and _CLAMP is not None:
        with suppress(OSError):  # it is closed already
            # The clamp bounds what is announced, the buffer what small segments take beside their bytes. Only
            # once it is connected: the listening socket's would bound the window for good.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size_bytes)
            sock.setsockopt(socket.IPPROTO_TCP, _CLAMP, size_bytes)


def unread_bytes(transport: asyncio.BaseTransport | None) -> int:
    """Return how many bytes wait in the kernel; -1 if that is unknown, as with TLS, which reads ahead."""
    if transport is None or transport.get_extra_info("ssl_object") is not None:
        return -1
    try:
        found = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, b"\0" * 4)
    except (OSError, AttributeError):
        return -1
    return int.from_bytes(found, sys.byteorder)
