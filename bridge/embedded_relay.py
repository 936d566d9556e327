"""Stands between Kafka clients and the embedded broker, as a process of its own.

It does two things that the broker cannot. It listens on the port that was asked for. And it answers a client
that asks for API versions in a layout newer than the broker knows. The broker's own answer to that is not in
the layout that clients expect (``rd_kafka_mock_handle_ApiVersion`` in librdkafka 2.16): Java's client reads a
throttle of 20 minutes in it, and Go's franz-go gives up. Here it is what KIP-511 asks for: error 35 in the
oldest layout, with the versions that may be asked for. Everything else passes as it comes.

A process, so that it shares no interpreter with the bridge, whose every byte to Kafka passes here.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from functools import partial

_API_VERSIONS = 18
_NEWEST_VERSION = 2  # version of that request which the broker answers well
_UNSUPPORTED_VERSION = 35
_SIZE = struct.Struct(">i")
_REQUEST_HEADER = struct.Struct(">hhi")  # api key, api version, correlation id
_ERROR_RESPONSE = struct.Struct(
    ">iihihhh"
)  # size, correlation id, error; count, key, oldest and newest version
_CHUNK_BYTES = 1 << 18


async def relay(listener: socket.socket, broker: tuple[str, int]) -> None:
    """Serve on ``listener`` until standard input ends, which it does when whoever started this has ended."""
    async with await asyncio.start_server(partial(_serve, broker), sock=listener):
        await asyncio.to_thread(sys.stdin.buffer.read)


async def _serve(
    address: tuple[str, int], client: asyncio.StreamReader, to_client: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(OSError):
        broker, to_broker = await asyncio.open_connection(*address)
        directions = [
            asyncio.ensure_future(_forward_requests(client, to_client, to_broker)),
            asyncio.ensure_future(_forward(broker, to_client)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            to_broker.close()
    to_client.close()


async def _forward_requests(
    client: asyncio.StreamReader, to_client: asyncio.StreamWriter, to_broker: asyncio.StreamWriter
) -> None:
    """Answer the requests for versions with which a connection begins; then pass everything on."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            size = await client.readexactly(_SIZE.size)
            header = await client.readexactly(_REQUEST_HEADER.size)
            key, version, correlation = _REQUEST_HEADER.unpack(header)
            if key != _API_VERSIONS or version <= _NEWEST_VERSION:
                break
            await client.readexactly(_SIZE.unpack(size)[0] - _REQUEST_HEADER.size)
            to_client.write(
                _ERROR_RESPONSE.pack(
                    _ERROR_RESPONSE.size - _SIZE.size,
                    correlation,
                    _UNSUPPORTED_VERSION,
                    1,
                    _API_VERSIONS,
                    0,
                    _NEWEST_VERSION,
                )
            )
        to_broker.write(size + header)
        await _forward(client, to_broker)


async def _forward(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while chunk := await source.read(_CHUNK_BYTES):
        target.write(chunk)
        await target.drain()


if __name__ == "__main__":
    asyncio.run(relay(socket.socket(fileno=int(sys.argv[1])), (sys.argv[2], int(sys.argv[3]))))
