"""The other replicas of `admin.peers`: asked for their status and deliveries by their JSON API.

Only configured addresses are asked, each with ``peers=0``, so that an answer never asks further replicas. The
read token is sent, and nothing of a visitor but the filters. A replica that turns out to be this one, by its
``instance``, is left out.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import TypeVar

import aiohttp
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bridge.console.answers import PeerReach, PeerState, PeerStatus
from bridge.console.cursor import Position
from bridge.observability.recent_deliveries import DeliveryFilter, DeliverySummary

ADDRESSES_MAX = 64
ANSWER_MAX_BYTES = 1024 * 1024

_TIMEOUT_S = 1.0
_ROUNDS_MAX = 24  # each live stream, and some pages
_CONNECTIONS_MAX = 64  # descriptors, which the ingress needs too
_STATUS_KEPT_S = 1.0
_RESOLVING_MAX = 2
_BUSY = "not asked: too many requests ask the other replicas now"

_Answer = TypeVar("_Answer")
Address = tuple[str, int]


class PeerAnswer(Struct, frozen=True, kw_only=True):
    """What of a replica's deliveries is read."""

    deliveries: list[DeliverySummary]
    last_number: Position
    left_out: int = 0
    host: str = ""
    instance: str = ""


class Fetched(Struct, frozen=True, kw_only=True):
    """What an address answered; ``reason`` is why it did not. ``body`` is not read yet."""

    address: str
    body: bytes = b""
    reason: str = ""


class PeerQuery(Struct, frozen=True, kw_only=True):
    """Which deliveries are asked for; with ``from_now`` of a replica without a cursor only what comes."""

    after: Mapping[str, Position]
    wanted: DeliveryFilter
    limit: int
    from_now: bool = False

    def params(self, address: str) -> dict[str, str]:
        """Return the query for one replica."""
        wanted = self.wanted
        given = {
            "application": wanted.application,
            "type": wanted.type,
            "outcome": wanted.outcome,
            "file": wanted.file_id,
            "task": wanted.task_id,
            "after": str(self.after.get(address, "")),
            "limit": str(1 if self._is_first(address) else self.limit),
        }
        return {name: value for name, value in given.items() if value}

    def _is_first(self, address: str) -> bool:
        return self.from_now and address not in self.after

    def takes_all(self, address: str) -> bool:
        """Whether the deliveries of an answer are wanted, not only its cursor."""
        return not self._is_first(address)


class PeerDeliveries(Struct, frozen=True, kw_only=True):
    """The deliveries of the other replicas, how far each was read, and who answered."""

    summaries: Sequence[DeliverySummary] = ()
    cursors: Mapping[str, Position] = {}
    left_out: int = 0
    reach: Sequence[PeerReach] = ()


def parse_addresses(text: str, default_port: int) -> list[Address]:
    """Return the hosts and ports of a setting that has been validated."""
    found = []
    for part in text.split(","):
        if one := part.strip():
            host, _, port = one.rpartition(":") if not one.endswith("]") and ":" in one else (one, "", "")
            found.append((host.strip("[]"), int(port or default_port)))
    return found


class Peers:
    """Asks the other replicas. ``token`` is sent to each; ``instance`` is our own.

    One that has not answered after ``timeout_s`` is left out.
    """

    def __init__(
        self, addresses: Sequence[Address], token: str, instance: str, timeout_s: float = _TIMEOUT_S
    ) -> None:
        self._timeout_s = timeout_s
        self._addresses = addresses
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._instance = instance
        self._own: set[str] = set()
        self._session: aiohttp.ClientSession | None = None
        # Of its own: a name server that hangs must not take the threads that decode large bodies.
        self._resolving = ThreadPoolExecutor(_RESOLVING_MAX, thread_name_prefix="peers")
        self._rounds = 0
        self._asking_status: asyncio.Task[list[Fetched]] | None = None
        self._status_at_s = 0.0

    @property
    def configured(self) -> bool:
        """Whether there are any to ask."""
        return bool(self._addresses)

    async def stop(self) -> None:
        """Close the connections; nobody is asked from now on."""
        self._addresses = ()
        self._resolving.shutdown(wait=False, cancel_futures=True)
        if self._asking_status is not None:
            self._asking_status.cancel()
            await asyncio.wait((self._asking_status,))
        if self._session is not None:
            await self._session.close()

    async def statuses(self) -> list[PeerState]:
        """Return how each other replica is, at most a second old; takes a second at most."""
        fetched = await asyncio.shield(self.ask_statuses())
        return [state for one in fetched if (state := self._state_of(one)) is not None]

    def ask_statuses(self) -> "asyncio.Task[list[Fetched]]":
        """Begin to ask all for `statuses`, unless they are being asked, or were within a second.

        Who asks together shares one round, which goes on where one of them leaves.
        """
        asking = self._asking_status
        is_old = asyncio.get_running_loop().time() - self._status_at_s >= _STATUS_KEPT_S
        if asking is None or (asking.done() and (is_old or asking.cancelled() or asking.exception())):
            asking = self._asking_status = asyncio.create_task(self._fetch_statuses())
        return asking

    async def _fetch_statuses(self) -> list[Fetched]:
        found = await self._fetch("status", lambda _: {})
        self._status_at_s = asyncio.get_running_loop().time()
        return found

    async def fetch_deliveries(self, query: PeerQuery) -> list[Fetched]:
        """Return the answers of all, for `read_deliveries`."""
        return await self._fetch("deliveries", query.params)

    def read_deliveries(self, answers: Sequence[Fetched], query: PeerQuery) -> PeerDeliveries:
        """Return what the answers hold. Who did not answer is asked from the same point on."""
        summaries: list[DeliverySummary] = []
        cursors: dict[str, Position] = {}
        reach, left_out = [], 0
        for one in answers:
            found, reason = self._decode(one, PeerAnswer)
            if found is not None and self._is_own(one, found.instance):
                continue
            reach.append(
                PeerReach(
                    address=one.address,
                    reachable=found is not None,
                    reason=reason,
                    name=found.host if found else "",
                )
            )
            if found is None:
                if one.address in query.after:
                    cursors[one.address] = query.after[one.address]
                continue
            cursors[one.address] = found.last_number
            if query.takes_all(one.address):
                summaries += [replace(each, replica=found.host or one.address) for each in found.deliveries]
                left_out += found.left_out
        return PeerDeliveries(summaries=summaries, cursors=cursors, left_out=left_out, reach=reach)

    def _state_of(self, one: Fetched) -> PeerState | None:
        found, reason = self._decode(one, PeerStatus)
        if found is not None and self._is_own(one, found.instance):
            return None
        return PeerState(address=one.address, reachable=found is not None, reason=reason, status=found)

    def _is_own(self, one: Fetched, instance: str) -> bool:
        if instance != self._instance:
            return False
        self._own.add(one.address)
        return True

    @staticmethod
    def _decode(one: Fetched, kind: type[_Answer]) -> tuple[_Answer | None, str]:
        if one.reason:
            return None, one.reason
        try:
            return msgspec.json.decode(one.body, type=kind), ""
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None, "its answer cannot be read: it is no bridge, or of another release"

    async def _fetch(self, path: str, params_of: Callable[[str], Mapping[str, str]]) -> list[Fetched]:
        """Ask every address of every host, all at once, within a second."""
        if self._rounds >= _ROUNDS_MAX:
            return [Fetched(address=_shown(*one), reason=_BUSY) for one in self._addresses]
        self._rounds += 1
        try:
            found = await asyncio.gather(
                *(self._ask_host(host, port, path, params_of) for host, port in self._addresses)
            )
        finally:
            self._rounds -= 1
        by_address = {one.address: one for answers in found for one in answers}
        return [one for one in by_address.values() if one.address not in self._own]

    async def _ask_host(
        self, host: str, port: int, path: str, params_of: Callable[[str], Mapping[str, str]]
    ) -> list[Fetched]:
        deadline_s = asyncio.get_running_loop().time() + self._timeout_s
        try:
            async with asyncio.timeout_at(deadline_s):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            return [Fetched(address=_shown(host, port), reason=self._late("the name server did not answer"))]
        except (OSError, UnicodeError, RuntimeError) as error:  # RuntimeError: we are stopping
            reason = f"the name cannot be resolved: {getattr(error, 'strerror', None) or error}"
            return [Fetched(address=_shown(host, port), reason=reason)]
        return await asyncio.gather(
            *(self._ask(one, path, params_of(one), deadline_s) for one in addresses if one not in self._own)
        )

    def _late(self, what: str) -> str:
        return f"{what} within {self._timeout_s:g} s"

    async def _resolve(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await loop.run_in_executor(self._resolving, ask)
        return [*dict.fromkeys(_shown(str(one[4][0]), port) for one in found)][:ADDRESSES_MAX]

    async def _ask(self, address: str, path: str, params: Mapping[str, str], deadline_s: float) -> Fetched:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS_MAX, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        url = f"http://{address}/api/v1/{path}"
        try:
            async with (
                asyncio.timeout_at(deadline_s),
                self._session.get(
                    url, params={**params, "peers": "0"}, headers=self._headers, allow_redirects=False
                ) as response,
            ):
                if response.status != HTTPStatus.OK:
                    return Fetched(address=address, reason=_reason_of(response.status))
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > ANSWER_MAX_BYTES:
                        return Fetched(address=address, reason="its answer is too large")
                return Fetched(address=address, body=bytes(body))
        except TimeoutError:
            return Fetched(address=address, reason=self._late("no answer"))
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            return Fetched(address=address, reason=f"cannot be reached: {reason}")


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason_of(status: int) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "it wants another token: give all replicas the same BRIDGE_ADMIN__READ_TOKEN"
    return f"it answers {status}"
