"""Posts a test notification to an application's public callback URL, and says what came back.

Nothing but the configured URL is asked, without redirects, and for a bounded time.
"""

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp
import msgspec
from msgspec import Struct

from bridge.core.application import Application
from bridge.core.printable import cut
from bridge.core.probe_notification import probe_notification
from bridge.io.vod.forward_proxy import proxy_for
from bridge.settings.settings import Settings

TIMEOUT_S = 10.0  # the bridge withholds a response for 6 s
_ANSWER_MAX_BYTES = 4096
_SHOWN_MAX = 500

_URL_REMEDY = "set BRIDGE_HTTP__PUBLIC_URL to the address that the vendor posts to"
_WAY_REMEDY = "check the name, the way in (load balancer, Ingress, firewall) and its certificate"
_ELSEWHERE_REMEDY = (
    "something else answers there: check that BRIDGE_HTTP__PUBLIC_URL and its proxy lead to port 8080"
)
_BY_STATUS: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "the path or the token is cut off or changed on its way, or another bridge answers",
    HTTPStatus.UNAUTHORIZED: "another bridge with other sign keys answers, or its clock is wrong",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "a proxy on the way takes no such body",
    HTTPStatus.SERVICE_UNAVAILABLE: "nothing durable was reached: see Check",
}


class ProbeAnswer(Struct, frozen=True, kw_only=True):
    """What came back. ``status`` is 0 where nothing did; ``outcome`` is empty where no bridge answered."""

    status: int = 0
    outcome: str = ""
    event_id: str = ""
    topic: str = ""
    text: str = ""
    duration_ms: float = 0
    problem: str = ""
    remedy: str = ""


class _BridgeAnswer(Struct):
    outcome: str = ""
    event_id: str = ""
    topic: str = ""
    error: str = ""


def callback_url(settings: Settings, application: Application) -> str:
    """Return an application's public callback URL, with its token; empty where there is none."""
    base = settings.http.public_url
    if not base or application.mode != "push":
        return ""
    path = f"/callbacks/{application.name}" + (f"/{application.token}" if application.token else "")
    return base.rstrip("/") + (path if application.token else application.callback_path)


def why_not(settings: Settings, application: Application) -> tuple[str, str]:
    """Return why an application cannot be tested, and the remedy; empty texts where it can."""
    if application.mode != "push":
        return "it is pulled: nobody posts its notifications", "see what the vendor says of it"
    if not settings.http.public_url:
        return "the bridge does not know its public URL", _URL_REMEDY
    return "", ""


async def post_probe(settings: Settings, application: Application, task_id: str) -> ProbeAnswer:
    """Post the test notification with this task id."""
    url = callback_url(settings, application)
    body = probe_notification(application, task_id, int(time.time()))
    proxy = proxy_for(url)
    if proxy is not None and proxy.mistake:
        return ProbeAnswer(problem=proxy.mistake, remedy="correct HTTPS_PROXY, or add the host to NO_PROXY")
    begun_s = time.monotonic()
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(
                url,
                data=body,
                headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
                allow_redirects=False,
                proxy=proxy.url if proxy else None,
            ) as response,
        ):
            text = await _read_some(response.content)
            return _answer_of(response.status, text, round((time.monotonic() - begun_s) * 1000, 1))
    except TimeoutError:
        problem = f"no answer within {TIMEOUT_S:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Its own text may hold the URL, and the token in it.
        problem = f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'the request failed'}"
    return ProbeAnswer(problem=problem, remedy=_WAY_REMEDY)


async def _read_some(content: aiohttp.StreamReader) -> bytes:
    found = bytearray()
    async for piece in content.iter_any():
        found += piece
        if len(found) > _ANSWER_MAX_BYTES:
            break
    return bytes(found[:_ANSWER_MAX_BYTES])


def _answer_of(status: int, body: bytes, duration_ms: float) -> ProbeAnswer:
    try:
        found = msgspec.json.decode(body, type=_BridgeAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = _BridgeAnswer()
    problem = remedy = ""
    if not (found.outcome or found.error):
        problem, remedy = f"status {status}, and not from a bridge", _ELSEWHERE_REMEDY
    elif status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
        problem = f"the bridge refuses it with status {status}"
        remedy = _BY_STATUS.get(status, "see Live for the reason")
    return ProbeAnswer(
        status=status,
        outcome=found.outcome,
        event_id=found.event_id,
        topic=found.topic,
        text=cut(body.decode("utf-8", "replace"), _SHOWN_MAX),
        duration_ms=duration_ms,
        problem=problem,
        remedy=remedy,
    )
