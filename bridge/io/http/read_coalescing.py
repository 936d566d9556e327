"""Coalesces the small reads of a body that comes byte by byte, so that it is parsed and charged in steps.

To parse and charge a byte costs more than to read it, and hundreds of slow clients may send at one moment.
"""

_SMALL_READ_BYTES = 64
_COALESCED_MAX_BYTES = 256


class ReadCoalescer:
    """Small reads of one connection. Of a body without a known size, whose end is not seen, none waits."""

    __slots__ = ("_body_size", "_pending")

    def __init__(self) -> None:
        self._body_size = 0
        self._pending = b""

    def begin(self, body_size: int) -> None:
        """Begin with a body of so many bytes; 0 where that is not known, or none is to come."""
        self._body_size = body_size

    def coalesce(self, data: bytes, parsed_bytes: int) -> bool:
        """Let ``data`` wait for more. False where it is to be parsed, behind what `take` returns.

        ``parsed_bytes`` of the body were parsed before. Its first bytes never wait: with them its reader
        knows that it is under way.
        """
        if not self._body_size or not parsed_bytes or len(data) > _SMALL_READ_BYTES:
            return False
        size = len(self._pending) + len(data)
        if size > _COALESCED_MAX_BYTES or parsed_bytes + size >= self._body_size:  # with it the body is whole
            return False
        self._pending += data
        return True

    def take(self) -> bytes:
        """Take what waits."""
        pending, self._pending = self._pending, b""
        return pending
