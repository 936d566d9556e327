"""What is set for the whole process: garbage collector, core files, and its end despite threads."""

import gc
import os
import resource
import sys
import threading

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_THREAD_JOIN_S = 0.5
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


def exit_despite_threads(code: int) -> None:
    """End the process here where one of our threads waits for a disk, or a name server, that is silent."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(_THREAD_JOIN_S)
            if thread.is_alive():
                log.warning("thread_still_running", thread=thread.name)
                sys.stdout.flush()
                os._exit(code)
