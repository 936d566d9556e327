"""The states of a connection."""

from enum import Enum, auto


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

    OPEN = auto()
    INPUT_ENDED = auto()
    DISCONNECTED = auto()
    ABORTED = auto()
    WITHHOLDING = auto()
    FINISHED = auto()
