"""Many bodies that begin to arrive at once: how much of them one turn of the event loop takes."""

import asyncio
import fcntl
import gc
import socket
import termios
from contextlib import suppress

import pytest

from bridge.io.http import tcp_window
from bridge.io.http.connection import Connection
from bridge.io.http.listening import listen_for_ingress
from bridge.io.http.read_turns import TURN_OVER, ReadTurns
from tests.io.http_server import HttpTestServer, RawClient, post, running_server, until
from tests.rig.waiting import eventually

KIB = 1024
BEGINNING = post(b"x" * (100 * KIB))[: 9 * KIB]
WHOLE = post(b"x" * (9 * KIB))


class Client:
    """A connection and its socket in one: what was handled, and whether it is read."""

    def __init__(self, turns: ReadTurns, handled: list[bytes]) -> None:
        self.turns = turns
        self.client = self
        self.handled = handled
        self.holds = 0
        self.fails = False

    def hold(self, hold: int) -> None:
        """Note it."""
        self.holds |= hold

    def release(self, holds: int) -> None:
        """Note it."""
        self.holds &= ~holds

    def data_received(self, data: bytes) -> None:
        """Handle it, or wait."""
        if not self.turns.defers(self, data):
            self.handled.append(data)
            if self.fails:
                raise ValueError


async def _connect(server: HttpTestServer, number: int) -> tuple[list[RawClient], list[Connection]]:
    clients = [await server.connect() for _ in range(number)]
    await until(lambda: len(server.ingress.connections) == number)
    return clients, [found for found in server.ingress.connections if isinstance(found, Connection)]


async def test_of_many_large_reads_a_turn_takes_some_and_the_next_ones_the_others_in_order() -> None:
    turns, handled = ReadTurns(), list[bytes]()
    clients = [Client(turns, handled) for _ in range(40)]
    for number, client in enumerate(clients):
        client.data_received(bytes([number]))
    assert len(handled) == 2
    assert [client.holds for client in clients] == [0] * 2 + [TURN_OVER] * 38
    await until(lambda: len(handled) == 40)
    assert b"".join(handled) == bytes(range(40))
    assert not any(client.holds for client in clients)


async def test_a_pass_of_the_collector_comes_before_new_objects_are_very_many() -> None:
    turns, kept, left = ReadTurns(), list[list[int]](), list[int]()
    gc.disable()
    gc.collect()  # so that no passes are counted, of which after ten the collector's own is due
    try:
        for number in (2_000, 6_000):
            gc.collect(0)
            kept += [[] for _ in range(number)]
            Client(turns, []).data_received(b"1")
            await asyncio.sleep(0)
            left.append(gc.get_count()[0])
    finally:
        gc.enable()
    assert left[0] > 1_000
    assert left[1] < 1_000


async def test_passes_before_turns_do_not_keep_the_collector_from_older_garbage() -> None:
    turns, lives_on = ReadTurns(), list[list[object]]()
    thresholds = gc.get_threshold()
    gc.collect()
    before = gc.get_stats()[1]["collections"]
    gc.set_threshold(10_000, 3, 1_000)
    try:
        for _ in range(30):
            lives_on += [[] for _ in range(5_000)]
            Client(turns, []).data_received(b"1")
            await asyncio.sleep(0)
        assert gc.get_stats()[1]["collections"] > before
    finally:
        gc.set_threshold(*thresholds)


async def test_a_bug_in_one_keeps_none_of_the_others_waiting() -> None:
    turns, handled = ReadTurns(), list[bytes]()
    clients = [Client(turns, handled) for _ in range(40)]
    for client in clients[2:]:
        client.fails = True
    for client in clients:
        client.data_received(b"1")
    await until(lambda: len(handled) == 40)


async def test_a_small_event_is_answered_while_large_bodies_that_came_at_once_wait() -> None:
    async with running_server() as server:
        clients, connections = await _connect(server, 41)
        for connection in connections[:40]:
            connection.data_received(BEGINNING)
        connections[40].data_received(post(b"{}"))
        assert server.reading_count() == 2
        assert len(server.notifications) == 1
        await until(lambda: server.reading_count() == 40)
        assert len(clients) == len(server.ingress.connections)


async def test_what_waits_for_its_turn_is_neither_idle_nor_lost_when_its_client_leaves() -> None:
    async with running_server() as server:
        clients, connections = await _connect(server, 4)
        for connection in connections[:3]:
            connection.data_received(WHOLE)
        assert len(server.notifications) == 2
        server.ingress.connections.close_idle()
        assert len(server.notifications) == 2
        connections[2].abort("")
        assert len(server.notifications) == 3
        await until(lambda: len(server.ingress.connections) == 0)
        assert len(clients) == 4


async def test_who_does_not_read_its_responses_gets_the_small_window_also_while_it_waits_for_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    windows: list[int] = []
    monkeypatch.setattr(tcp_window, "set_window", lambda _, size: windows.append(size))
    async with running_server() as server:
        clients, connections = await _connect(server, 1)
        connections[0].client.hold(TURN_OVER)
        assert windows == []
        connections[0].pause_writing()
        assert windows == [tcp_window.SMALL_WINDOW]
        connections[0].resume_writing()
        assert connections[0].client.is_held(TURN_OVER)
        assert len(clients) == 1


async def test_a_client_sends_little_ahead_until_it_is_read_and_then_as_much_as_ever() -> None:
    if len(tcp_window.listener_options(30)) < 5:
        pytest.skip("this kernel has no SO_BUF_LOCK")
    (listener,) = await listen_for_ingress("127.0.0.1", 0, 30)
    with listener, socket.create_connection(listener.getsockname()) as sender, listener.accept()[0] as taken:
        sender.settimeout(0)
        taken.settimeout(0)
        await eventually(lambda: _send_all_it_takes(sender, taken) > 16 * KIB, "it sends")
        assert _send_all_it_takes(sender, taken) <= 64 * KIB
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, tcp_window.LARGE_WINDOW)

        def is_far_ahead() -> bool:
            with suppress(BlockingIOError):  # what was sent comes a moment later
                taken.recv(32 * KIB)
            return _send_all_it_takes(sender, taken) >= 256 * KIB

        await eventually(is_far_ahead, "it sends far ahead")


def _send_all_it_takes(sender: socket.socket, taken: socket.socket) -> int:
    """Send until nothing more is taken; gives how much lies unread."""
    try:
        while True:
            sender.send(b"x" * 64 * KIB)
    except BlockingIOError:
        return int.from_bytes(fcntl.ioctl(taken, termios.FIONREAD, b"\0" * 4), "little")
