"""What becomes of a request whose client is gone, or in whose work a bug is."""

import asyncio

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import Outcome
from bridge.io.ingress import Limits, intake, window
from bridge.io.ingress.connection import Connection
from tests.io.doors import Door, opened, post, until

BODY = b'{"EventType":"NewFileUpload"}'


async def _buggy(_: Notification) -> Outcome:
    raise ZeroDivisionError


@pytest.mark.parametrize("body", [BODY, b"{}" * 40_000])
async def test_a_bug_behind_the_door_is_silence_until_the_hold_is_over_and_then_no_yes(body: bytes) -> None:
    async with opened(Limits(hold_s=0.5)) as door:
        began = asyncio.get_running_loop().time()
        door.deliver = _buggy
        client = await door.knock()
        client.send(post(body) + post(BODY))
        response = await client.response()
        assert response.status == 503
        assert asyncio.get_running_loop().time() - began >= 0.5
        assert response.headers["connection"] == "close"
        assert await client.ended()  # the second one's outcome must not be taken for the first one's
        assert door.telemetry.registry.get_sample_value("bridge_internal_errors_total") == 1
        door.deliver = door.keep
        assert (await door.post(BODY)).status == 200
        assert len(door.taken) == 1


async def test_a_client_that_has_closed_its_half_is_kept_silent_too() -> None:
    async with opened(Limits(hold_s=0.5)) as door:
        door.deliver = _buggy
        client = await door.knock()
        client.send(post(BODY))
        client.writer.write_eof()
        assert (await client.response()).status == 503


async def test_who_left_after_a_bug_is_not_answered_and_not_waited_for_longer() -> None:
    async with opened(Limits(hold_s=0.5)) as door:
        door.deliver = _buggy
        client = await door.knock()
        client.send(post(BODY))
        await until(lambda: door.telemetry.registry.get_sample_value("bridge_internal_errors_total"))
        client.leave()
        await door.ingress.stop(60)


async def test_without_a_hold_a_bug_is_deferred_at_once() -> None:
    async with opened(Limits(hold_s=0)) as door:
        door.deliver = _buggy
        assert (await door.post(BODY)).status == 503


async def test_what_was_sent_by_who_left_without_reading_is_delivered_all_the_same(door: Door) -> None:
    client = await door.knock()
    begun, going = _held_up(door)
    client.send(post(BODY) * 3)
    await begun.wait()
    client.leave()
    await until(lambda: len(door.ingress.crowd) == 0)
    going.set()
    await until(lambda: len(door.taken) == 3)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
        b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
        b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n",
    ],
)
async def test_who_is_refused_and_neither_sends_nor_leaves_is_cut_in_time(door: Door, head: bytes) -> None:
    client = await door.knock()
    client.send(head)
    assert (await client.response()).status >= 400
    assert len(door.ingress.crowd) == 1
    door.seconds += 11
    await until(lambda: len(door.ingress.crowd) == 0)


async def test_who_was_refused_at_once_may_be_closed_when_room_is_needed() -> None:
    async with opened(Limits(connections_max=2)) as door:
        for _ in range(2):
            client = await door.knock()
            client.send(b"GE")
            await until(door.arriving)
            client.send(b"T / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await client.response()).status == 405
        assert (await door.post(BODY)).status == 200


async def test_many_requests_behind_a_body_of_unknown_length_are_all_answered(door: Door) -> None:
    client = await door.knock()
    client.send(b"POST /callbacks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    await until(door.arriving)
    await client.send_all(b"%x\r\n%b\r\n0\r\n\r\n" % (70_000, b"x" * 70_000) + post(b"{}") * 45)
    for _ in range(46):
        assert (await client.response()).status == 200


async def test_who_does_not_read_and_sends_in_pieces_may_be_closed_when_room_is_needed() -> None:
    async with opened(Limits(connections_max=1)) as door:
        client = await door.knock()
        await until(lambda: len(door.ingress.crowd))
        (connection,) = door.ingress.crowd
        assert isinstance(connection, Connection)
        connection.pause_writing()
        connection.data_received(post(BODY)[:20])
        connection.data_received(post(BODY)[20:])
        assert (await door.post(BODY)).status == 200
        assert await client.ended()


async def test_a_large_body_without_room_is_held_back_also_behind_a_small_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body, windows = b"x" * 1_000_000, list[int]()
    async with opened(Limits(body_max_bytes=1 << 20, bodies_max_bytes=4 << 20, hold_s=60)) as door:
        begun, going = _held_up(door)
        first = await door.knock()  # which alone may be read on
        first.send(post(body)[:200_000])
        arrivals = door.ingress._intake.budgets.arriving_large  # noqa: SLF001 - it is not seen from outside
        await until(lambda: not arrivals._priorities)  # noqa: SLF001 - as above
        client = await door.knock()
        client.send(post(BODY))
        await begun.wait()
        monkeypatch.setattr(window, "open_to", lambda _, size: windows.append(size))
        await client.send_all(post(body)[:1_000])
        await until(lambda: door.arriving() == 2)
        going.set()
        assert (await client.response()).status == 200
        await until(lambda: arrivals._waiting)  # noqa: SLF001 - as above
        assert windows == []
        await first.send_all(post(body)[200_000:])
        assert (await first.response()).status == 200
        await client.send_all(post(body)[1_000:])
        assert (await client.response()).status == 200
        assert windows == [window.LARGE]


@pytest.mark.parametrize("what", ["inflate", "answer_of"])
async def test_a_bug_in_what_is_done_at_once_is_held_too_and_keeps_no_room(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buggy(*_: object) -> None:
        raise ZeroDivisionError

    async with opened(Limits(hold_s=0.2)) as door:
        monkeypatch.setattr(intake, what, buggy)
        client = await door.knock()
        client.send(post(b"{}", Content_Encoding="gzip"))
        assert (await client.response()).status == 503
        assert door.telemetry.registry.get_sample_value("bridge_internal_errors_total") == 1
        await door.ingress.stop(60)  # which would wait for a connection that is not over


async def test_a_length_that_the_parser_takes_for_none_is_refused(door: Door) -> None:
    client = await door.knock()
    client.send(b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n")
    assert (await client.response()).status == 400
    assert await client.ended()
    assert door.taken == []


async def test_who_was_accepted_while_the_door_is_shut_is_closed_at_once(door: Door) -> None:
    door.ingress.shut = True
    client = await door.knock()
    assert await client.ended()


def _held_up(door: Door) -> tuple[asyncio.Event, asyncio.Event]:
    """Let what is delivered wait: gives what is set once something is, and what it waits for."""
    begun, going = asyncio.Event(), asyncio.Event()

    async def wait(notification: Notification) -> Outcome:
        begun.set()
        await going.wait()
        return await door.keep(notification)

    door.deliver = wait
    return begun, going
