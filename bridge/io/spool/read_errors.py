"""How often the spool retries a read that failed."""

import errno
from collections import Counter

from bridge.io.spool.directory import SpoolDirectory
from bridge.io.spool.writer import FramePosition

_TRANSIENT_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN})
_WHOLE_LOG = -1
_MAX_READ_ERRORS = 5


class ReadErrors:
    """Counts the read errors of each record and each log.

    A bad block (EIO) costs its record. A log that is gone, or may not be read, costs its own records and no
    others. Our own want of descriptors or memory, or a folder that is gone as a whole, costs nothing.
    """

    def __init__(self, directory: SpoolDirectory) -> None:
        self._directory = directory
        self._counts: Counter[tuple[int, int]] = Counter()

    def is_final(self, position: FramePosition, error: OSError) -> bool:
        """Count ``error``; True once these bytes gave one `_MAX_READ_ERRORS` times."""
        if error.errno in _TRANSIENT_ERRNOS or not self._directory.has_lock_file():
            return False
        key = (position.segment.number, position.index if error.errno == errno.EIO else _WHOLE_LOG)
        self._counts[key] += 1
        if self._counts[key] < _MAX_READ_ERRORS:
            return False
        if error.errno == errno.EIO:
            del self._counts[key]
        return True
