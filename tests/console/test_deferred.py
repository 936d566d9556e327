"""What a start leaves to the first request for a page."""

import subprocess
import sys
from contextlib import nullcontext
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from bridge.console.deferred import DeferredAnswers, DeferredConsole
from bridge.console.site import Console

_LATE = ("bridge.console.site", "bridge.operations", "jinja2")


def test_a_start_imports_nothing_of_the_console() -> None:
    listing = f"import sys, bridge.app; print(*(name for name in {_LATE} if name in sys.modules))"
    command = [sys.executable, "-c", listing]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    assert ran.stdout.split() == []


async def test_a_console_that_cannot_be_made_fails_its_requests_and_not_the_stop() -> None:
    def build() -> Console:
        raise ImportError("no such module")

    console = DeferredConsole(build)
    for _ in range(2):
        with pytest.raises(ImportError):
            await console.respond(make_mocked_request("GET", "/"), lambda: nullcontext(enter_result=False))
    await console.stop()


async def test_what_could_not_be_made_is_made_when_it_is_asked_for_again() -> None:
    class Answers:
        async def answer(self, kind: str, args: bytes) -> bytes:
            return kind.encode() + args

    failures = [OSError("too many open files")]

    def build() -> Any:  # noqa: ANN401 - what is asked of it is here
        if failures:
            raise failures.pop()
        return Answers()

    answers = DeferredAnswers(build)
    with pytest.raises(OSError, match="too many open files"):
        await answers.answer("a", b"b")
    assert [await answers.answer("a", b"b") for _ in range(2)] == [b"ab", b"ab"]


async def test_a_console_that_nobody_looked_at_is_not_made_to_be_stopped() -> None:
    def build() -> Console:
        raise AssertionError("it was made")

    await DeferredConsole(build).stop()
