"""What signals do after a consumer that took them has ended: what they did before."""

import asyncio
import signal

import pytest

from bridge.consumer.signals import stop_on_signals

NUMBERS = (signal.SIGINT, signal.SIGTERM)


def test_ctrl_c_after_the_consumer_cancels_the_program_as_before() -> None:
    stops: list[str] = []

    async def main() -> None:
        before = [signal.getsignal(number) for number in NUMBERS]
        with stop_on_signals(NUMBERS, lambda: stops.append("stop")):
            assert [signal.getsignal(number) for number in NUMBERS] != before
        assert [signal.getsignal(number) for number in NUMBERS] == before
        try:
            signal.raise_signal(signal.SIGINT)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stops.append("cancelled")
            raise

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert stops == ["cancelled"]
