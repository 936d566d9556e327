"""Small reads of a body that comes byte by byte: gathered, so that they are parsed and charged in steps.

To parse and charge a byte costs more than to read it, and hundreds of slow clients may send at one moment.
"""

_TINY_BYTES = 64
_GATHERED_MAX_BYTES = 256


class TinyReads:
    """Those of one connection. Only a body whose size is known is gathered: of others the end is not seen."""

    __slots__ = ("_body_size", "_gathered")

    def __init__(self) -> None:
        self._body_size = 0
        self._gathered = b""

    def begin(self, body_size: int) -> None:
        """Begin with a body of so many bytes; 0 where that is not known, or none is to come."""
        self._body_size = body_size

    def gather(self, data: bytes, parsed_bytes: int) -> bool:
        """Let ``data`` wait for more. False where it is to be parsed, behind what `take` returns.

        ``parsed_bytes`` of the body were parsed before.
        """
        if not self._body_size or len(data) > _TINY_BYTES:
            return False
        size = len(self._gathered) + len(data)
        if size > _GATHERED_MAX_BYTES or parsed_bytes + size >= self._body_size:  # with it the body is whole
            return False
        self._gathered += data
        return True

    def take(self) -> bytes:
        """Take what waits."""
        gathered, self._gathered = self._gathered, b""
        return gathered
