"""Names for the pods: a small DNS that knows the cluster's Services, and nothing else."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from tests.kube.cluster import Cluster
from tests.kube.isolation import HOST
from tests.kube.watch import follow

DOMAIN = "svc.cluster.local"
PORT = 53
SECONDS = 5
_HEAD = struct.Struct(">HHHHHH")
_ADDRESS, _INTERNET = 1, 1
_GOOD, _UNKNOWN = 0x8580, 0x8583  # an answer with authority: here it is; there is no such name


@asynccontextmanager
async def serve_names(cluster: Cluster) -> AsyncIterator[None]:
    """Answer the pods' questions as long as this is open."""
    addresses: dict[str, str] = {}

    def seen(what: str, service: dict[str, Any]) -> None:
        name = f"{service['metadata']['name']}.{service['metadata']['namespace']}.{DOMAIN}"
        addresses[name] = service["spec"].get("clusterIP", "")
        if what == "DELETED" or addresses[name] in ("", "None"):
            del addresses[name]

    async with follow(cluster, "/api/v1/services", seen):
        loop = asyncio.get_running_loop()
        transport, _names = await loop.create_datagram_endpoint(
            lambda: _Names(addresses), local_addr=(HOST, PORT)
        )
        try:
            yield
        finally:
            transport.close()


class _Names(asyncio.DatagramProtocol):
    """Answers one question a datagram."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self._addresses = addresses
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if self._transport is not None and len(data) > _HEAD.size:
            self._transport.sendto(answer(data, self._addresses), addr)


def answer(asked: bytes, addresses: dict[str, str]) -> bytes:
    """Answer a datagram with one question; a known name has no address of another kind."""
    number = _HEAD.unpack_from(asked)[0]
    labels, at = [], _HEAD.size
    while asked[at]:
        labels.append(asked[at + 1 : at + 1 + asked[at]].decode("ascii", "replace"))
        at += 1 + asked[at]
    kind = struct.unpack_from(">H", asked, at + 1)[0]
    question = asked[_HEAD.size : at + 5]
    address = addresses.get(".".join(labels).lower())
    if address is None:
        return _HEAD.pack(number, _UNKNOWN, 1, 0, 0, 0) + question
    if kind != _ADDRESS:
        return _HEAD.pack(number, _GOOD, 1, 0, 0, 0) + question
    bytes_of = bytes(map(int, address.split(".")))
    found = struct.pack(">HHHIH", 0xC00C, _ADDRESS, _INTERNET, SECONDS, len(bytes_of)) + bytes_of
    return _HEAD.pack(number, _GOOD, 1, 1, 0, 0) + question + found
