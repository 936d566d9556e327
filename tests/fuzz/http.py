"""Any bytes on a connection: with and without the memory of heads the same deliveries and the same answers.

No answer is a 5xx but 503, none holds a traceback, and no error escapes. The transport is in memory. The
input's first byte says how the rest is cut (`pieces_of`); `MARK` is a cut of its own.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from bridge.aio.inline_task import start_inline
from bridge.aio.promise import Promise
from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.io.http.head_cache import HeadCache
from bridge.io.http.server import Clock, Ingress, IngressLimits
from bridge.observability.telemetry import Telemetry

CUT = b"\xff|\xff"
_LOOP_ITERATIONS = 4  # of the loop, after each piece
_PIECES_MAX = 64
_APPS = {
    "default": Application(name="default"),
    "shop": Application(name="shop", token="t0ken"),
    "signed": Application(name="signed", sign_keys=("k3y",), signature_required=True),
}
_RESULT = DeliveryResult(outcome=DeliveryOutcome.PUBLISHED, event_id="A:1", event_type="A", topic="vod.A")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


class _FakeServer:
    def __init__(self) -> None:
        self.sockets = [self]

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    def close(self) -> None:
        pass


class _FakeLoop(asyncio.SelectorEventLoop):
    """Keeps what makes the protocol of a connection, instead of listening."""

    protocol: Callable[[], asyncio.Protocol]

    async def create_server(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - asyncio's
        self.protocol = protocol_factory
        return _FakeServer()


class _MemoryTransport(asyncio.Transport):
    def __init__(self, protocol: asyncio.Protocol, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._protocol = protocol
        self._loop = loop
        self.written = bytearray()
        self.closing = False
        self.is_read = True
        self.eof_written = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.eof_written, "an answer after the end of answers"
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.eof_written = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def is_reading(self) -> bool:
        return self.is_read

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol


_LOOP = _FakeLoop()
_ERRORS: list[str] = []
_LOOP.set_exception_handler(lambda _loop, context: _ERRORS.append(repr(context)))
_TELEMETRY = Telemetry()


def check(data: bytes) -> None:
    """Send the same pieces to a bridge that remembers heads and to one that does not."""
    pieces = pieces_of(data)
    _ERRORS.clear()
    errors = _internal_errors()
    cached = _LOOP.run_until_complete(_run_pieces(pieces))
    original_match, original_knows_head = HeadCache.match, HeadCache.knows_head
    HeadCache.match = lambda *_: None  # type: ignore[method-assign] # put back below
    HeadCache.knows_head = lambda *_: False  # type: ignore[method-assign] # as above
    try:
        uncached = _LOOP.run_until_complete(_run_pieces(pieces))
    finally:
        HeadCache.match = original_match  # type: ignore[method-assign]
        HeadCache.knows_head = original_knows_head  # type: ignore[method-assign]
    assert cached[0] == uncached[0], "other deliveries with the memory of heads than without"
    assert cached[1] == uncached[1], "other answers with the memory of heads than without"
    for status in _STATUS.findall(cached[1]):
        assert status < b"500" or status == b"503", f"an answer {status!r}"
    assert b"Traceback" not in cached[1]
    assert not _ERRORS, _ERRORS[0]
    assert _internal_errors() == errors, "an internal error"


def _internal_errors() -> float:
    return float(_TELEMETRY.internal_errors._value.get())  # noqa: SLF001 - the library's counter


def pieces_of(data: bytes) -> list[bytes]:
    """Cut the input. Its first byte: bit 0: into pieces of (bits 1 to 6) + 1; bit 7: sent twice."""
    how, pieces = data[:1] or b"\0", data[1:].split(CUT)
    if how[0] & 1:
        size = (how[0] >> 1 & 63) + 1
        pieces = [piece[at : at + size] for piece in pieces for at in range(0, len(piece), size)]
    return [piece for piece in pieces * (1 + (how[0] >> 7)) if piece][:_PIECES_MAX]


async def _run_pieces(pieces: list[bytes]) -> tuple[list[Notification], bytes]:
    notifications: list[Notification] = []

    def deliver(notification: Notification) -> Promise[DeliveryResult]:
        async def delivered() -> DeliveryResult:
            notifications.append(notification)
            return _RESULT

        return start_inline(delivered())

    clock = Clock(now_ms=lambda: 1_700_000_000_000, monotonic=lambda: 0.0)
    limits = IngressLimits(body_max_bytes=65_536, bodies_max_bytes=1_048_576, hold_s=1)
    ingress = Ingress(deliver, _APPS, limits, clock, _TELEMETRY)
    await ingress.start("127.0.0.1", 0)
    protocol = _LOOP.protocol()
    transport = _MemoryTransport(protocol, _LOOP)
    protocol.connection_made(transport)
    for piece in pieces:
        await _run_loop()
        if transport.closing or not transport.is_read:
            break
        protocol.data_received(piece)
    await _run_loop()
    if not transport.closing and not protocol.eof_received():
        transport.close()
    await _run_loop()
    transport.abort()
    await asyncio.sleep(0)
    await ingress.stop(0.2)
    return notifications, bytes(transport.written)


async def _run_loop() -> None:
    """Give the loop its turns, as long as there is something to do in them."""
    for _ in range(_LOOP_ITERATIONS):
        await asyncio.sleep(0)
        if not _LOOP._ready:  # type: ignore[attr-defined] # noqa: SLF001 - a turn costs a system call
            return
