"""The applications: what the vendor says of them, and the test of their public callback URLs."""

import asyncio
from contextlib import suppress
from functools import partial
from secrets import token_hex

import msgspec
import structlog

from bridge.console.answers import Applications, CallbackTest, VendorStates
from bridge.console.call import JSON, Call
from bridge.console.live import deliveries_of_task
from bridge.console.problem import ProblemError
from bridge.console.requests import CallbackTestArgs, ProbeArgs
from bridge.console.state import application_states, now_ms
from bridge.core.application import Application
from bridge.core.probe_notification import probe_notification
from bridge.observability.recent_deliveries import DeliverySummary
from bridge.operations.callback_probe import ProbeAnswer, callback_url, why_not
from bridge.operations.vendor_states import VendorState, without_token

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_TASK_PREFIX = "vod-bridge-test-"
_LOOK_WITHIN_S = 3.0  # the admin endpoint closes a connection whose response takes 5 s
_LOOK_INTERVAL_S = 0.2
_ELSEWHERE = "it is not among the recent deliveries here: another bridge took it"
_ELSEWHERE_REMEDY = "with several replicas, set BRIDGE_ADMIN__PEERS; else compare the URL with this bridge's"


async def applications(call: Call) -> Applications:
    """Answer with all applications."""
    report = await call.parts.bridge.report()
    return Applications(application_states(call.parts.bridge.settings, report.total.last_event_ms))


async def vendor(call: Call) -> VendorStates:
    """Answer with what the vendor says of each application."""
    with call.taking_time():
        body = await call.parts.vendor.get(partial(_ask_vendor, call))
    return VendorStates(msgspec.json.decode(body, type=list[VendorState]))


async def test(call: Call) -> CallbackTest:
    """Post a test notification to an application's public URL, or show what would be posted."""
    args = await _read_args(call)
    if not args.dry_run:
        call.parts.access.require_act(call.level)
    settings = call.parts.bridge.settings
    application = settings.applications().get(call.path_args["application"])
    if application is None:
        raise ProblemError(404, "no such application", remedy="applications lists them")
    problem, remedy = why_not(settings, application)
    if problem:
        raise ProblemError(409, "it cannot be tested", problem, remedy)
    task_id = _TASK_PREFIX + token_hex(8)
    log.info("console_callback_test", application=application.name, dry_run=args.dry_run, task_id=task_id)
    url = without_token(callback_url(settings, application))
    body = _shown_body(application, task_id)
    if args.dry_run:
        return CallbackTest(application=application.name, url=url, body=body, task_id=task_id, dry_run=True)
    probe = ProbeArgs(application=application.name, task_id=task_id)
    answer = msgspec.json.decode(await call.ask_once("probe", probe), type=ProbeAnswer)
    delivery = await _look_for(call, task_id) if answer.outcome else None
    is_lost = bool(answer.outcome) and delivery is None
    return CallbackTest(
        application=application.name,
        url=url,
        body=body,
        task_id=task_id,
        dry_run=False,
        answer=answer,
        delivery=delivery,
        problem=answer.problem or (_ELSEWHERE if is_lost else ""),
        remedy=answer.remedy or (_ELSEWHERE_REMEDY if is_lost else ""),
    )


async def _ask_vendor(call: Call) -> bytes:
    found = b"[]"
    async for _, data in call.ask("vendor"):
        found = bytes(data)
    return found


def _shown_body(application: Application, task_id: str) -> str:
    """Return the body as it is shown: its signature would sign others."""
    body = msgspec.json.decode(probe_notification(application, task_id, now_ms() // 1000))
    if "Sign" in body:
        body["Sign"] = "***"
    return msgspec.json.encode(body).decode()


async def _look_for(call: Call, task_id: str) -> DeliverySummary | None:
    """Return the delivery of the test, from here or from another replica; None where none has it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_WITHIN_S):
            while True:
                if found := await deliveries_of_task(call, task_id):
                    return found[-1]
                await asyncio.sleep(_LOOK_INTERVAL_S)
    return None


async def _read_args(call: Call) -> CallbackTestArgs:
    if call.request.content_type != JSON:
        raise ProblemError(415, "the body must be application/json")
    body = await call.read_body()
    try:
        return msgspec.json.decode(body or b"{}", type=CallbackTestArgs)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(
            400, "the body cannot be read", str(error), "a dry run shows the test; dry_run false does it"
        ) from None
