"""Workers and other replicas that do not answer are asked at once: together they take one second, not two."""

import asyncio
from contextlib import nullcontext
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from bridge.console.site import Console
from bridge.console.view import BridgeReport, Numbers, OwnDeliveries, added_up
from bridge.io.admin import Readiness
from bridge.observability.masking import Mask
from bridge.observability.recent_deliveries import DeliveryFilter
from bridge.settings.settings import load

WITHIN_S = 20


class _WaitingView:
    """A bridge whose workers answer only once the other replica was asked."""

    def __init__(self, port: int, is_asked: asyncio.Event) -> None:
        self.settings = load(None, {"BRIDGE_ADMIN__PEERS": f"127.0.0.1:{port}"})
        self._is_asked = is_asked

    async def report(self) -> BridgeReport:
        await self._is_asked.wait()
        return BridgeReport(total=added_up([], self.settings), readiness=Readiness(ready=True))

    async def deliveries(
        self, after: Numbers | None, wanted: DeliveryFilter | None, limit: int
    ) -> OwnDeliveries:
        del after, wanted, limit
        await self._is_asked.wait()
        return OwnDeliveries(summaries=[], numbers={})

    def may_have_more(self, after: Numbers) -> bool:
        return bool(after)

    def count_internal_error(self) -> None:
        raise AssertionError("an internal error")


@pytest.mark.parametrize("path", ["status", "deliveries"])
async def test_replicas_are_asked_at_once_with_the_workers_and_who_is_silent_is_named(path: str) -> None:
    is_asked, never = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        is_asked.set()
        await never.wait()
        writer.close()

    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    console = Console(_WaitingView(silent.sockets[0].getsockname()[1], is_asked), Mask())
    try:
        async with asyncio.timeout(WITHIN_S):
            request = make_mocked_request("GET", f"/api/v1/{path}", headers={"Host": "localhost"})
            response: Any = await console.respond(request, lambda: nullcontext(enter_result=True))
    finally:
        never.set()
        silent.close()
        await console.stop()
    assert response.status == 200
    (peer,) = msgspec.json.decode(response.body)["peers"]
    assert (peer["reachable"], peer["reason"]) == (False, "no answer within 1 s")
