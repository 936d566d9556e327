"""Any bytes on a connection: with and without the memory of heads the same deliveries and the same answers.

No answer is a 5xx but 503, none holds a traceback, and no error escapes. The transport is in memory. The
input's first byte says how the rest is cut (`pieces_of`); `MARK` is a cut of its own.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import Ending, Outcome
from bridge.io.ingress import Clock, Ingress, Limits
from bridge.io.ingress.requests import Heads
from bridge.running import begin
from bridge.telemetry import Telemetry
from bridge.telling import Told

MARK = b"\xff|\xff"
_TURNS = 4  # of the loop, after each piece
_PIECES_MAX = 64
_APPS = {
    "default": Application(name="default"),
    "shop": Application(name="shop", token="t0ken"),
    "signed": Application(name="signed", sign_keys=("k3y",), signature_required=True),
}
_DONE = Outcome(ending=Ending.PUBLISHED, event_id="A:1", event_type="A", topic="vod.A")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")


class _Server:
    def __init__(self) -> None:
        self.sockets = [self]

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    def close(self) -> None:
        pass


class _Loop(asyncio.SelectorEventLoop):
    """Keeps what makes the protocol of a connection, instead of listening."""

    protocol: Callable[[], asyncio.Protocol]

    async def create_server(self, protocol_factory: Any, *_: Any, **__: Any) -> Any:  # noqa: ANN401 - asyncio's
        self.protocol = protocol_factory
        return _Server()


class _Transport(asyncio.Transport):
    def __init__(self, protocol: asyncio.Protocol, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._protocol = protocol
        self._loop = loop
        self.written = bytearray()
        self.closing = False
        self.reading = True
        self.ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "an answer after the end of answers"
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol


_LOOP = _Loop()
_ERRORS: list[str] = []
_LOOP.set_exception_handler(lambda _loop, context: _ERRORS.append(repr(context)))
_TELEMETRY = Telemetry()


def check(data: bytes) -> None:
    """Send the same pieces to a bridge that remembers heads and to one that does not."""
    pieces = pieces_of(data)
    _ERRORS.clear()
    errors = _internal_errors()
    with_memory = _LOOP.run_until_complete(_sent(pieces))
    request_in = Heads.request_in
    Heads.request_in = lambda *_: None  # type: ignore[method-assign] # put back below
    try:
        without = _LOOP.run_until_complete(_sent(pieces))
    finally:
        Heads.request_in = request_in  # type: ignore[method-assign]
    assert with_memory[0] == without[0], "other deliveries with the memory of heads than without"
    assert with_memory[1] == without[1], "other answers with the memory of heads than without"
    for status in _STATUS.findall(with_memory[1]):
        assert status < b"500" or status == b"503", f"an answer {status!r}"
    assert b"Traceback" not in with_memory[1]
    assert not _ERRORS, _ERRORS[0]
    assert _internal_errors() == errors, "an internal error"


def _internal_errors() -> float:
    return float(_TELEMETRY.internal_errors._value.get())  # noqa: SLF001 - the library's counter


def pieces_of(data: bytes) -> list[bytes]:
    """Cut the input. Its first byte: bit 0: into pieces of (bits 1 to 6) + 1; bit 7: sent twice."""
    how, pieces = data[:1] or b"\0", data[1:].split(MARK)
    if how[0] & 1:
        size = (how[0] >> 1 & 63) + 1
        pieces = [piece[at : at + size] for piece in pieces for at in range(0, len(piece), size)]
    return [piece for piece in pieces * (1 + (how[0] >> 7)) if piece][:_PIECES_MAX]


async def _sent(pieces: list[bytes]) -> tuple[list[Notification], bytes]:
    taken: list[Notification] = []

    def deliver(notification: Notification) -> Told[Outcome]:
        async def delivered() -> Outcome:
            taken.append(notification)
            return _DONE

        return begin(delivered())

    clock = Clock(now_ms=lambda: 1_700_000_000_000, monotonic=lambda: 0.0)
    limits = Limits(body_max_bytes=65_536, bodies_max_bytes=1_048_576, hold_s=1)
    ingress = Ingress(deliver, _APPS, limits, clock, _TELEMETRY)
    await ingress.start("127.0.0.1", 0)
    protocol = _LOOP.protocol()
    transport = _Transport(protocol, _LOOP)
    protocol.connection_made(transport)
    for piece in pieces:
        await _settled()
        if transport.closing or not transport.reading:
            break
        protocol.data_received(piece)
    await _settled()
    if not transport.closing and not protocol.eof_received():
        transport.close()
    await _settled()
    transport.abort()
    await asyncio.sleep(0)
    await ingress.stop(0.2)
    return taken, bytes(transport.written)


async def _settled() -> None:
    """Give the loop its turns, as long as there is something to do in them."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        if not _LOOP._ready:  # type: ignore[attr-defined] # noqa: SLF001 - a turn costs a system call
            return
