"""One body that is read to its end: charged as it arrives, its sender held back where too much is here."""

import asyncio

from aiohttp.web_protocol import RequestPayloadError
from msgspec import Struct

from bridge.io.ingress.answers import NO_ROOM, NOT_HTTP, TOO_LARGE, Answer
from bridge.io.ingress.budget import SMALL_BYTES, Budgets, Charge
from bridge.io.ingress.connection import Connection
from bridge.io.ingress.requests import Request

# Who has come so far waits a little, also where its time was over before: a moment's crowd refuses nobody.
_WAIT_LEAST_S = 1.0


class Sizes(Struct, frozen=True):
    """How large one body may be, how large all together, and how long one waits for room."""

    body_max: int
    bodies_max: int
    patience_s: float


class Reading:
    """Reads one request's body. Its bytes stay charged until `end`, which is to be called in any case."""

    def __init__(self, budgets: Budgets, sizes: Sizes, request: Request, client: Connection) -> None:
        self._budgets = budgets
        self._sizes = sizes
        self._request = request
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._until_s = self._loop.time() + sizes.patience_s
        # A body of unknown size is a small one until it is seen to be none.
        self._arrivals = budgets.arriving(max(request.size, 0))
        self._arrival = client.arrival = self._arrivals.begin(client)

    async def body(self) -> bytes | Answer:
        """Give the whole body, or the answer of a request that has none to be taken."""
        request = self._request
        if request.is_whole:
            body = request.take_body()
            self._arrivals.add(self._arrival, len(body))
        else:
            try:
                read = await self._read_all()
            except RequestPayloadError:
                return NOT_HTTP
            if isinstance(read, Answer):
                return read
            body = read
        self._arrival.whole = True
        return body

    async def charged(self, charge: Charge) -> bool:
        """Wait, silently, until a whole body may go into work; False where it may not in time."""
        if charge.take():
            return True
        self._client.answering = True
        return await charge.wait(self._wait_s())

    def end(self) -> None:
        """Give back what is charged."""
        self._arrivals.end(self._arrival)
        if self._client.arrival is self._arrival:  # else the next request is being read already
            self._client.arrival = None

    async def _read_all(self) -> bytes | Answer:
        payload, client = self._request.payload, self._client
        # What came with the head is charged before anybody is kept waiting for it.
        if not payload.total_bytes:
            if not await self._may_go_on():
                return self._refusal()
            if self._request.awaits_consent:
                client.proceed()
        parts: list[bytes] = []
        size = 0
        while part := await payload.readany():
            size += len(part)
            if size > self._sizes.body_max:
                return TOO_LARGE
            if size > SMALL_BYTES:
                self._note_large()
            self._arrivals.add(self._arrival, len(part))
            parts.append(part)
            if not (payload.is_eof() or await self._may_go_on()):
                return self._refusal()
        return b"".join(parts)

    def _note_large(self) -> None:
        """Charge from now on what was thought to be small as what it is."""
        large, arrival = self._budgets.arriving_large, self._arrival
        if self._arrivals is not large:
            self._arrivals.end(arrival)
            self._arrivals = large
            self._arrival = self._client.arrival = large.begin(self._client)
            large.add(self._arrival, arrival.here_bytes)
        if large.widen(self._arrival):
            self._client.open_window()

    async def _may_go_on(self) -> bool:
        """Let the client send more, once that is possible; False where it was not in time."""
        client = self._client
        if self._arrivals.must_wait(self._arrival):
            client.answering = True
            client.hold_back()
            if not await self._arrivals.wait(self._arrival, self._wait_s()):
                return False
        client.answering = False
        if client.held_back:
            client.go_on()
        return True

    def _refusal(self) -> Answer:
        return NO_ROOM if self._request.payload.exception() is None else NOT_HTTP

    def _wait_s(self) -> float:
        least = min(_WAIT_LEAST_S, self._sizes.patience_s)
        return max(self._until_s - self._loop.time(), least)
