"""What is set for the whole process: garbage collector, malloc, core files, and its end despite threads."""

import ctypes
import gc
import os
import resource
import sys
import threading
from contextlib import suppress

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_THREAD_JOIN_S = 0.5
_MMAP_THRESHOLD_BYTES = 256 * 1024
# What the heap keeps at its end: pages that it gives back are made and cleared anew for the next body.
_TRIM_THRESHOLD_BYTES = 8 * 1024 * 1024
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # as malloc.h has them
# The second counts passes over new objects, which are more where many bodies wait (`io.http.read_turns`).
_GC_THRESHOLDS = (5_000, 400, 100)
# How long the event loop waits for a thread that decodes a large body. It waits some ten times an event, with
# Python's 5 ms 50 ms in all.
_SWITCH_INTERVAL_S = 0.0001


def tune_gc() -> None:
    """Let the collector run rarely: reference counts free nearly all of an event, a pass costs a tenth."""
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def share_interpreter() -> None:
    """Let a thread that computes give way to the event loop soon."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


def disable_core_dumps() -> None:
    """Have no core file written: it would hold every token and key.

    Only the soft limit, so that who debugs a crash can raise it (``prlimit --core=unlimited``). The process
    stays dumpable (PR_SET_DUMPABLE): without, its own user could neither profile it nor see its descriptors.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def tune_malloc() -> None:
    """Have glibc map what is large apart: in its heap, a few large bodies would keep their memory."""
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)
        mallopt(_M_ARENA_MAX, 2)


def exit_despite_threads(code: int) -> None:
    """End the process here where one of our threads waits for a disk, or a name server, that is silent."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(_THREAD_JOIN_S)
            if thread.is_alive():
                log.warning("thread_still_running", thread=thread.name)
                sys.stdout.flush()
                os._exit(code)
