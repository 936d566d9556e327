"""Signal handlers that stop a consumer cleanly."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def stop_on_signals(signals: Sequence[signal.Signals], stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on these signals within the context; outside the main thread no handler is installed.

    A second Ctrl-C raises KeyboardInterrupt, as Python does: it interrupts a clean stop at once.
    """
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        signals = ()

    def on_sigint() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        stop()

    handlers = {number: signal.getsignal(number) for number in signals}
    for number in signals:
        loop.add_signal_handler(number, on_sigint if number == signal.SIGINT else stop)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            if handler is not None:  # else Ctrl-C would raise within the loop, which `asyncio.run` avoids
                signal.signal(number, handler)
