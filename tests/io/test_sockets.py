"""Which addresses are listened on, also where the machine has no IPv6."""

import asyncio
import errno
import socket
from collections.abc import Callable

import pytest

from bridge.io.sockets import listen
from tests.io.http_server import HttpTestServer, post
from tests.rig.waiting import WITHIN_S

V6 = socket.has_dualstack_ipv6()


def accepts(port: int, host: str) -> bool:
    """Tell whether a connection comes about."""
    try:
        socket.create_connection((host, port), timeout=WITHIN_S).close()
    except OSError:
        return False
    return True


def without_ipv6(number: int, when: str) -> Callable[..., socket.socket]:
    """Make sockets as a machine does that has no IPv6."""

    class Machine(socket.socket):
        def __init__(self, family: int = -1, kind: int = -1, *rest: int) -> None:
            if family == socket.AF_INET6 and when == "made":
                raise OSError(number, "no IPv6 here")
            super().__init__(family, kind, *rest)

        def bind(self, address: object) -> None:
            if self.family == socket.AF_INET6:
                raise OSError(number, "no IPv6 here")
            super().bind(address)  # type: ignore[arg-type] # it is an address

    return Machine


async def test_an_empty_host_is_every_address_by_ipv4_and_ipv6() -> None:
    sockets = await listen("", 0)
    port = sockets[0].getsockname()[1]
    assert accepts(port, "127.0.0.1")
    assert accepts(port, "::1") == V6
    for sock in sockets:
        sock.close()


@pytest.mark.parametrize(
    ("number", "when"),
    [(errno.EAFNOSUPPORT, "made"), (errno.EADDRNOTAVAIL, "bound")],
)
@pytest.mark.parametrize("host", ["", "localhost"])
async def test_without_ipv6_it_is_ipv4(
    monkeypatch: pytest.MonkeyPatch, number: int, when: str, host: str
) -> None:
    monkeypatch.setattr(socket, "socket", without_ipv6(number, when))
    sockets = await listen(host, 0)
    monkeypatch.undo()
    assert [sock.family for sock in sockets] == [socket.AF_INET]
    assert accepts(sockets[0].getsockname()[1], "127.0.0.1")
    for sock in sockets:
        sock.close()


async def test_a_host_by_ipv6_alone_is_an_error_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", without_ipv6(errno.EADDRNOTAVAIL, "bound"))
    with pytest.raises(OSError, match="no IPv6 here"):
        await listen("::1", 0)


@pytest.mark.parametrize("host", ["", "127.0.0.1"])
async def test_a_port_in_use_is_an_error(host: str) -> None:
    in_use = await listen("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        await listen(host, in_use[0].getsockname()[1])
    in_use[0].close()


async def test_a_name_is_listened_on_by_all_of_its_addresses_at_one_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addresses = ["127.0.0.1", "127.0.0.2"]

    async def resolved(host: str, port: int, **_: object) -> list[object]:
        assert host == "two-addresses"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    sockets = await listen("two-addresses", 0, options=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)])
    assert [sock.getsockname()[0] for sock in sockets] == addresses
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    assert all(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) for sock in sockets)
    for sock in sockets:
        sock.close()


async def test_the_ingress_answers_on_both(server: HttpTestServer) -> None:
    port = await server.ingress.start("", 0)
    for host in ["127.0.0.1", "::1"][: 1 + V6]:
        sock = socket.create_connection((host, port), timeout=WITHIN_S)
        server.port = port
        sock.close()
    assert (await server.request(post(b"{}"))).status == 200
