"""How signals end a command that runs an event loop: at its own awaits, cleaned up, without a traceback."""

import asyncio
import gc
import logging
import signal
import threading
from collections.abc import Iterator

import pytest

from bridge.cli.support.interrupt import run_interruptible

INTERRUPTING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """All three raise KeyboardInterrupt, as in ``vod-bridge dev``."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in INTERRUPTING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", INTERRUPTING)
def test_every_signal_cancels_also_those_in_the_middle_of_the_clean_up(
    number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    steps: list[str] = []

    async def run_on() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        other_task = asyncio.create_task(run_on())
        try:
            signal.raise_signal(number)
            steps.append("goes on to its next await")
            await asyncio.Event().wait()
        finally:
            steps.append("cleans up")
            for step in ("clean-up was interrupted", "and once more"):
                asyncio.get_running_loop().call_soon(signal.raise_signal, number)
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    steps.append(step)
            assert not other_task.done()
            steps.append("ended")

    with caplog.at_level(logging.DEBUG), pytest.raises(KeyboardInterrupt):
        run_interruptible(main())
    gc.collect()  # a task whose exception nobody awaited is logged when it is deleted
    assert steps == [
        "goes on to its next await",
        "cleans up",
        "clean-up was interrupted",
        "and once more",
        "ended",
    ]
    assert [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING] == []
    assert [signal.getsignal(one) for one in INTERRUPTING] == [signal.default_int_handler] * 3


def test_with_only_once_the_clean_up_behind_the_first_signal_is_not_cut_off() -> None:
    steps: list[str] = []

    async def main() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            for number in INTERRUPTING:
                signal.raise_signal(number)
                await asyncio.sleep(0)
            steps.append("ended")

    with pytest.raises(KeyboardInterrupt):
        run_interruptible(main(), only_once=True)
    assert steps == ["ended"]


def test_a_signal_wakes_a_loop_that_waits_for_nothing_else() -> None:
    async def main() -> None:
        asyncio.get_running_loop().run_in_executor(None, signal_the_main_thread)
        await asyncio.Event().wait()

    def signal_the_main_thread() -> None:
        ident = threading.main_thread().ident
        assert ident
        signal.pthread_kill(ident, signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        run_interruptible(main())


def test_the_result_is_returned_and_another_cancellation_is_passed_on() -> None:
    async def result() -> int:
        return 17

    async def cancelled() -> None:
        raise asyncio.CancelledError

    assert run_interruptible(result()) == 17
    with pytest.raises(asyncio.CancelledError):
        run_interruptible(cancelled())


def test_what_ends_well_in_spite_of_a_signal_has_its_result() -> None:
    async def main() -> str:
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "what there was until then"
        return ""

    assert run_interruptible(main()) == "what there was until then"


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def main() -> str:
        signal.raise_signal(signal.SIGHUP)
        await asyncio.sleep(0)
        return "not interrupted"

    assert run_interruptible(main()) == "not interrupted"
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_outside_the_main_thread_it_runs_without_handlers() -> None:
    async def main() -> list[object]:
        return [signal.getsignal(number) for number in INTERRUPTING]

    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.extend(run_interruptible(main())))
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler] * 3
