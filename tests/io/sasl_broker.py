"""A broker that knows logins and nothing else, so that a test decides what it answers to them."""

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress


class SaslBroker:
    """Offers ``mechanism``; ``answer`` gives the bytes that follow an authentication request."""

    def __init__(self, mechanism: str, answer: Callable[[bytes], bytes]) -> None:
        self._mechanism = mechanism.encode()
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        with suppress(asyncio.IncompleteReadError):
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                response = self._respond(await reader.readexactly(size))
                writer.write(struct.pack(">i", len(response)) + response)
        writer.close()

    def _respond(self, request: bytes) -> bytes:
        key, _, correlation = struct.unpack(">hhi", request[:8])
        response = struct.pack(">i", correlation)
        if key == 18:  # ApiVersions, version 0
            keys = [(3, 0, 1), (17, 0, 1), (18, 0, 0), (36, 0, 0)]
            return (
                response + struct.pack(">hi", 0, len(keys)) + b"".join(struct.pack(">hhh", *k) for k in keys)
            )
        if key == 17:  # SaslHandshake
            return response + struct.pack(">hih", 0, 1, len(self._mechanism)) + self._mechanism
        answer = self._answer(request)  # SaslAuthenticate
        return response + struct.pack(">hhi", 0, -1, len(answer)) + answer
