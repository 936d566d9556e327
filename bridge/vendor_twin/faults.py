"""Faults of the twin: by chance, from a seed, or as listed for the next calls."""

import random
import socket
import struct
from collections import deque
from enum import StrEnum

from aiohttp import web
from msgspec import Struct

from bridge.vendor_twin.queue import VendorError


class Fault(StrEnum):
    """What goes wrong with one call. The call takes effect except for ERROR, JUNK and RESET."""

    NONE = "none"
    ERROR = "error"  # one of `CODES`, nothing done
    JUNK = "junk"  # HTML with 502, or 200 with something that is no JSON; nothing done
    CUT = "cut"  # done, and half of the answer comes
    RESET = "reset"  # the connection is reset before anything is done
    LOST = "lost"  # done, and the connection is reset in place of the answer
    SLOW = "slow"  # done, and answered `Chances.slow_s` later


CODES = ("InternalError", "FailedOperation", "RequestLimitExceeded")
PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
JUNK = ((502, PAGE), (200, PAGE), (200, b""), (200, b"\x00\xff\xfe"), (200, b"{}"), (200, b'{"Response":7}'))


class Chances(Struct):
    """How likely each fault is, call by call; may be changed while the twin runs."""

    error: float = 0.0
    junk: float = 0.0
    cut: float = 0.0
    reset: float = 0.0
    lost: float = 0.0
    slow: float = 0.0
    slow_s: float = 1.0


class Faults:
    """Draws each call's fault. ``next`` goes first: one fault a call."""

    def __init__(self, chances: Chances, seed: int) -> None:
        self.chances = chances
        self.next: deque[Fault] = deque()
        self.random = random.Random(seed)  # noqa: S311 - faults are to be repeatable

    def draw(self) -> Fault:
        """Return what happens to this call."""
        if self.next:
            return self.next.popleft()
        kinds = [kind for kind in Fault if kind is not Fault.NONE]
        weights = [getattr(self.chances, kind.value) for kind in kinds]
        left = max(0.0, 1.0 - sum(weights))
        return self.random.choices([*kinds, Fault.NONE], [*weights, left])[0]

    def strike(self, fault: Fault) -> None:
        """Answer with an error where that is the fault."""
        if fault is Fault.ERROR:
            raise VendorError(self.random.choice(CODES), "by chance", 5000)

    def junk(self) -> web.Response:
        """Return an answer that is none."""
        status, body = self.random.choice(JUNK)
        return web.Response(status=status, body=body, content_type="text/html")


def reset(request: web.Request) -> web.Response:
    """Cut the connection as a crash does; nobody reads what is returned."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()
