"""A signal becomes a stop in good order."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def stop_on_signals(signals: Sequence[signal.Signals], stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on these signals while this lasts; outside the main thread, which has them, never.

    A second Ctrl-C is Python's own: it interrupts at once what a good end would wait for.
    """
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        signals = ()

    def on_sigint() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        stop()

    for number in signals:
        loop.add_signal_handler(number, on_sigint if number == signal.SIGINT else stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
