"""A listening socket that several processes accept from: each gets its share of the connections."""

import asyncio
import socket
import ssl
import time

from bridge.io.http.connection_counts import ABSENT, ConnectionCounts
from bridge.io.http.shared_listener import SharedListener, SharedSockets
from bridge.io.sockets import listen
from bridge.io.tls import ReloadingSSLContext, ServerTlsFiles
from tests.io.http_server import RawClient, post, running_worker_server
from tests.rig.certificates import Authority
from tests.rig.waiting import eventually

RUNS_ON_BOTH_LOOPS = True  # transports differ, and the program runs on uvloop's
BODY = b'{"EventType":"NewFileUpload"}'


class Worker:
    """One of several, all in this process: accepts, and keeps what it accepted."""

    def __init__(self, sock: socket.socket, counts: ConnectionCounts, slot: int) -> None:
        self.clients: list[socket.socket] = []
        shared = SharedSockets([sock], counts, slot)
        self.listener = SharedListener(sock.dup(), self.take, lambda: len(self.clients), shared)

    def take(self, client: socket.socket, _peer: tuple[object, ...]) -> None:
        self.clients.append(client)

    def close(self) -> None:
        self.listener.close()
        for client in self.clients:
            client.close()


async def connect(port: int, number: int) -> list[socket.socket]:
    loop, clients = asyncio.get_running_loop(), [socket.socket() for _ in range(number)]
    for client in clients:
        client.setblocking(False)  # noqa: FBT003 - the socket's own signature
    await asyncio.gather(*(loop.sock_connect(client, ("127.0.0.1", port)) for client in clients))
    return clients


async def test_a_burst_of_connections_is_spread_evenly() -> None:
    (sock,) = await listen("127.0.0.1", 0)
    counts = ConnectionCounts.create(4)
    workers = [Worker(sock, counts, slot) for slot in range(4)]
    clients = await connect(sock.getsockname()[1], 128)

    await eventually(lambda: sum(len(one.clients) for one in workers) == 128, "all are accepted")

    assert max(len(one.clients) for one in workers) <= 1.3 * 32
    for one in workers:
        one.close()
    for each in (*clients, sock):
        each.close()
    assert counts.fewest_of_others(0) == ABSENT
    counts.close()


async def test_a_worker_that_is_slow_but_runs_is_waited_for_however_late_this_one_is() -> None:
    """Its count grows once in 50 looks: in all, for much longer than one that hangs is waited for."""

    class SlowOther(ConnectionCounts):
        looks = 0

        def fewest_of_others(self, slot: int) -> int:  # noqa: ARG002 - there is one other
            self.looks += 1
            if self.looks % 100 == 1:
                until_s = time.monotonic() + 0.25  # a busy machine lets this process wait
                while time.monotonic() < until_s:
                    pass
            return self.looks // 50

    (sock,) = await listen("127.0.0.1", 0)
    counts = SlowOther.create(2)
    worker = Worker(sock, counts, 0)
    clients = await connect(sock.getsockname()[1], 128)

    def has_ended() -> bool:
        return counts.looks > 400 or len(worker.clients) == 128

    await eventually(has_ended, "it has looked often, or accepted all")
    assert 8 <= len(worker.clients) <= counts.looks // 50 + 3  # one more than the other has, and an eighth

    worker.close()
    for each in (*clients, sock):
        each.close()
    counts.close()


async def test_a_worker_that_hangs_keeps_nobody_waiting() -> None:
    (sock,) = await listen("127.0.0.1", 0)
    counts = ConnectionCounts.create(2)
    counts.set(1, 0)  # it has the fewest, and hangs
    counts.set_alive(1)
    worker = Worker(sock, counts, 0)
    clients = await connect(sock.getsockname()[1], 128)

    await eventually(lambda: len(worker.clients) == 128, "all are accepted")

    worker.close()
    worker.listener.close()
    for each in (*clients, sock):
        each.close()
    counts.close()


async def test_a_worker_that_lives_and_accepts_nothing_is_not_waited_for_for_ever() -> None:
    class IdleOther(ConnectionCounts):
        def fewest_of_others(self, slot: int) -> int:  # noqa: ARG002 - there is one other
            return 0

    (sock,) = await listen("127.0.0.1", 0)
    counts = IdleOther.create(2)
    worker = Worker(sock, counts, 0)
    clients = await connect(sock.getsockname()[1], 128)

    await eventually(lambda: len(worker.clients) == 128, "all are accepted")

    worker.close()
    for each in (*clients, sock):
        each.close()
    counts.close()


async def test_the_table_is_seen_by_who_has_its_descriptor() -> None:
    counts = ConnectionCounts.create(3)
    other = ConnectionCounts(counts.fd, counts.slots)
    for slot, connections in enumerate((5, 3)):
        counts.set(slot, connections)
        counts.set_alive(slot)

    assert (other.fewest_of_others(0), other.fewest_of_others(1)) == (3, 5)
    counts.clear(1)
    assert other.fewest_of_others(0) == ABSENT


async def test_deliveries_come_by_a_shared_socket_until_the_worker_accepts_no_more() -> None:
    async with running_worker_server() as server:
        kept = await server.connect()
        for _ in range(2):
            kept.send(post(BODY))
            assert (await kept.response()).status == 200
        assert len(server.ingress.connections) == 1
        server.ingress.stop_accepting()
        late = await server.connect()  # it waits at the port, for another worker
        late.send(post(BODY))
        kept.send(post(BODY))
        assert (await kept.response()).status == 200

    assert len(server.notifications) == 3


async def test_a_client_that_left_before_it_was_accepted_leaves_nothing_behind() -> None:
    async with running_worker_server() as server:
        for _ in range(20):
            (await server.connect()).reset()
        assert (await server.post(BODY)).status == 200
        await eventually(lambda: not len(server.ingress.connections), "every connection is forgotten")


async def test_deliveries_come_by_tls_on_a_shared_socket(authority: Authority) -> None:
    pair = authority.sign("server")
    files = ServerTlsFiles(certfile=str(pair.cert), keyfile=str(pair.key), client_cafile=None)
    trusting = ssl.create_default_context(cafile=str(authority.ca))
    async with running_worker_server(ReloadingSSLContext(files)) as server:
        client = RawClient(*await asyncio.open_connection("localhost", server.port, ssl=trusting))
        client.send(post(BODY))
        assert (await client.response()).status == 200
        client.writer.close()

    assert [one.body for one in server.notifications] == [BODY]
