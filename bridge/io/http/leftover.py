"""Counts the bytes that stand behind requests in what was read: the beginning of the next head.

The parser keeps them and says nothing of them. They count as a request that arrives, so that its time limit
and the limit of a head's size hold from its first byte on.
"""

from collections.abc import Sequence

from bridge.io.http.request import BodyStream, RequestHead

_END_OF_HEAD = b"\r\n\r\n"
TAIL_BYTES = len(_END_OF_HEAD) - 1
"""So many bytes of an earlier read may belong to the end of a head, or of a body in chunks."""


def leftover_behind(data: bytes, requests: Sequence[tuple[RequestHead, BodyStream | None]]) -> int:
    """Return how many bytes of ``data`` come after the last of these requests, whose bodies are whole.

    ``data`` begins with the first of them, or with the last `TAIL_BYTES` of earlier reads, and has the end of
    each of their heads. It is exact but where a body in chunks comes before one with a length, of which it
    returns too few.
    """
    position = 0
    for head, body in requests:
        if head.is_chunked:
            return leftover_behind_chunks(data)
        position = data.find(_END_OF_HEAD, position) + len(_END_OF_HEAD)
        position += body.total_bytes if body is not None else 0
    return max(0, len(data) - position)


def leftover_behind_last(data: bytes, request: tuple[RequestHead, BodyStream | None]) -> int:
    """Return the same where ``data`` begins in a body in chunks: too few if the last body has blank lines."""
    head, body = request
    if head.is_chunked:
        return leftover_behind_chunks(data)
    size = body.total_bytes if body is not None else 0
    return len(data) - size - (data.rfind(_END_OF_HEAD, 0, len(data) - size) + len(_END_OF_HEAD))


def leftover_behind_chunks(data: bytes) -> int:
    """Return how many bytes come after a whole body in chunks: what begins a head has no end of one."""
    return len(data) - (data.rfind(_END_OF_HEAD) + len(_END_OF_HEAD))
