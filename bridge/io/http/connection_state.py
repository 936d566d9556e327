"""The states of a connection."""

from enum import Enum


class ConnectionState(Enum):
    """What becomes of bytes that come, of requests that wait, and of responses.

    ============  ============  =============  =========  ==========================================
    state         bytes         requests       responses  it becomes FINISHED when
    ============  ============  =============  =========  ==========================================
    OPEN          are read      are begun      written    a response closes it
    INPUT_ENDED   are dropped   are begun      written    the last response is written
    DISCONNECTED  do not come   are begun      dropped    the last request is over
    ABORTED       are dropped   are begun      dropped    the last request is over
    WITHHOLDING   are dropped   are not begun  withheld   the hold is over, with an error's response
    FINISHED      are dropped   are dropped    none       -
    ============  ============  =============  =========  ==========================================

    INPUT_ENDED: the client sends no more, or what follows is no HTTP/1 or stands behind a request that
    closes. DISCONNECTED: the client is gone. ABORTED: we closed it and counted why; its requests are not
    counted as rejected again.
    WITHHOLDING: there was a bug in the work on a request. OPEN leads to all others, FINISHED to none.
    """

    OPEN = 1, False
    INPUT_ENDED = 2, False
    DISCONNECTED = 3, False
    ABORTED = 4, False
    WITHHOLDING = 5, True
    FINISHED = 6, True

    def __init__(self, _: int, is_over: bool) -> None:  # noqa: FBT001 - as the members above are written
        self.is_over = is_over
        """Whether no request is begun any more."""
