"""Work that fails is logged, counted, and started again."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

import bridge
from bridge.aio import supervisor
from bridge.aio.promise import Promise
from bridge.aio.supervisor import count_unhandled, supervise
from bridge.observability.telemetry import Telemetry
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


async def test_work_that_fails_is_counted_and_restarted_until_it_returns() -> None:
    telemetry, tries = Telemetry(), list[int]()

    async def work() -> None:
        tries.append(len(tries))
        if len(tries) < 3:
            raise ZeroDivisionError

    await supervise(work, telemetry, 0)
    assert tries == [0, 1, 2]
    assert b"vod_bridge_internal_errors_total 2.0" in telemetry.render()


async def test_work_that_is_cancelled_is_not_restarted() -> None:
    task = asyncio.ensure_future(supervise(asyncio.Event().wait, Telemetry()))  # type: ignore[arg-type] # no end
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def _bugs(telemetry: Telemetry) -> float:
    return telemetry.registry.get_sample_value("vod_bridge_internal_errors_total") or 0


async def _fail() -> None:
    raise ZeroDivisionError("a bug")


async def _lose_a_link() -> None:
    raise ConnectionResetError


async def test_a_bug_in_a_callback_is_counted_and_logged_once_without_its_arguments() -> None:
    telemetry = Telemetry()
    loop = asyncio.get_running_loop()
    count_unhandled(loop, telemetry)

    def buggy(_: str) -> None:
        raise ZeroDivisionError

    with capture_logs() as logged:
        loop.call_soon(buggy, "a-secret-body")
        promise: Promise[None] = Promise()
        promise.on_done(partial(buggy, "a-secret-body"))
        promise.set_result(None)
        await eventually(lambda: _bugs(telemetry) == 2, "both are counted")
    assert [line["event"] for line in logged] == ["internal_error", "internal_error"]
    assert all(isinstance(line["exc_info"], ZeroDivisionError) for line in logged)
    assert "a-secret-body" not in str([line["problem"] for line in logged])


async def test_all_packages_of_the_bridge_are_ours() -> None:
    assert bridge.__file__ == f"{supervisor._PACKAGE_DIR}__init__.py"  # noqa: SLF001 - it is not seen from outside


@pytest.mark.parametrize("work", [_fail, _lose_a_link])
async def test_a_task_of_ours_whose_error_nobody_asks_for_is_a_bug_whatever_the_error(
    work: Callable[[], Coroutine[None, None, None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_PACKAGE_DIR", str(Path(__file__).parent))
    telemetry = Telemetry()
    count_unhandled(asyncio.get_running_loop(), telemetry)
    with capture_logs() as logged:
        asyncio.create_task(work())  # noqa: RUF006 - nobody asks for it
        await eventually(lambda: _bugs(telemetry) == 1, "it is counted")
    assert [(line["event"], line["work"]) for line in logged] == [("internal_error", work.__name__)]


async def test_a_link_that_failed_in_a_librarys_own_task_or_future_is_logged_and_no_bug() -> None:
    telemetry = Telemetry()
    loop = asyncio.get_running_loop()
    count_unhandled(loop, telemetry)
    with capture_logs() as logged:
        asyncio.create_task(_lose_a_link())  # noqa: RUF006 - nobody asks for it
        await asyncio.sleep(0)
        loop.create_future().set_exception(KafkaConnectionError())
        loop.call_exception_handler({"message": "a write failed", "exception": OSError(), "transport": 1})
        await eventually(lambda: len(logged) == 3, "all three are logged")
        assert _bugs(telemetry) == 0
        loop.create_future().set_exception(ZeroDivisionError())
        loop.call_exception_handler({"message": "a callback failed", "exception": OSError()})
        loop.call_exception_handler({"message": "Task was destroyed but it is pending!"})
    assert [line["event"] for line in logged] == ["connection_error_unhandled"] * 3 + ["internal_error"] * 3
    assert _bugs(telemetry) == 3
