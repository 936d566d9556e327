"""One API call of a known application: limits, faults, the answer, and its line in the ledger."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from msgspec import Struct

from bridge.vendor_twin.application import Application
from bridge.vendor_twin.faults import Fault, Faults, reset
from bridge.vendor_twin.ledger import Call
from bridge.vendor_twin.queue import VendorError


class CallFaults(Struct, frozen=True):
    """What spoils calls: faults by chance, and answers that the next calls get."""

    faults: Faults
    canned: list[web.Response]


class ApiCall:
    """One call. ``parameters`` are the action and the handles."""

    def __init__(
        self,
        faults: CallFaults,
        request: web.Request,
        application: Application,
        parameters: tuple[str, tuple[str, ...]],
    ) -> None:
        self._faults, self._canned = faults.faults, faults.canned
        self._request = request
        self._application = application
        self._action, self._handles = parameters
        self._started_s = application.clock()

    async def run(
        self,
        answer: Callable[[], Awaitable[web.Response]],
        error_response: Callable[[VendorError], web.Response],
    ) -> web.StreamResponse:
        """Answer the call, or with what a fault leaves of the answer."""
        await asyncio.sleep(self._application.behaviour.latency_s)
        if self._canned:
            return self._record("canned", self._canned.pop(0))
        fault = self._faults.draw()
        if fault is Fault.RESET:
            return self._record("reset", reset(self._request))
        if fault is Fault.JUNK:
            return self._record("junk", self._faults.junk())
        outcome = "ok"
        try:
            self._faults.strike(fault)
            self._application.check_rate()
            response = await answer()
        except VendorError as error:
            outcome, response = error.code, error_response(error)
        return await self._apply_fault(fault, outcome, response)

    async def _apply_fault(self, fault: Fault, outcome: str, response: web.Response) -> web.Response:
        if fault is Fault.SLOW:
            await asyncio.sleep(self._faults.chances.slow_s)
        if fault is Fault.LOST:
            return self._record(f"{outcome}, but lost", reset(self._request))
        if fault is Fault.CUT:
            whole = bytes(response.body or b"")  # type: ignore[arg-type]
            return self._record(f"{outcome}, but cut", web.Response(body=whole[: len(whole) // 2]))
        return self._record(outcome, response)

    def _record(self, outcome: str, response: web.Response) -> web.Response:
        call = Call(at_s=self._started_s, action=self._action, handles=self._handles, outcome=outcome)
        self._application.ledger.calls.append(call)
        return response
