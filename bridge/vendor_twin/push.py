"""Pushes notifications to the callback URL: 5 s for an answer, at most three sends, then the event is lost.

Any HTTP answer counts, whatever its status: so the vendor's document of that time-out has it (vod-domain §5).
The pause between two sends, and that a refused connection counts as no answer, are our assumptions.
"""

import asyncio
import json
from collections.abc import Callable

import aiohttp

from bridge.vendor_twin.application import Application
from bridge.vendor_twin.ledger import Push
from bridge.vendor_twin.signatures import push_signature

# As a record of real deliveries has them: a new connection for each.
_HEADERS = {
    "User-Agent": "Go-http-client/1.1",
    "Content-Type": "application/json",
    "Accept-Encoding": "gzip",
    "Connection": "close",
}


class PushSender:
    """The pushes of all applications. ``report`` is called with a line about the end of each send."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._tasks: set[asyncio.Task[None]] = set()

    def emit(self, application: Application, body: bytes) -> str:
        """Push an event, or add it to the queue, as the application is configured; return which.

        In mode PUSH without a callback URL it is ``dropped``.
        """
        if application.behaviour.mode != "PUSH":
            application.put(body)
            return "queued"
        if not application.notification_url:
            return "dropped"
        task = asyncio.create_task(self._push(application, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return "pushing"

    async def stop(self) -> None:
        """Give all pushes up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _push(self, application: Application, body: bytes) -> None:
        push, behaviour = Push(body=body, sends=[]), application.behaviour
        application.ledger.pushes.append(push)
        timeout = aiohttp.ClientTimeout(total=behaviour.push_timeout_s)
        async with aiohttp.ClientSession(timeout=timeout, headers=_HEADERS) as session:
            for number in range(behaviour.push_sends):
                if number:
                    await asyncio.sleep(behaviour.push_pause_s)
                outcome, answered = await _send(session, application, body)
                push.sends.append(outcome)
                self._report(
                    f"pushed {_type_of(body)}, send {number + 1} of {behaviour.push_sends}: {outcome}"
                )
                if answered:
                    push.is_answered = True
                    return
        push.is_lost = True
        self._report(f"lost {_type_of(body)}: no answer to {behaviour.push_sends} sends, and no more follow")


async def _send(session: aiohttp.ClientSession, application: Application, body: bytes) -> tuple[str, bool]:
    """Send once; return how it ended, and whether it was answered."""
    # Our assumption: each send is signed anew.
    signed = _signed(body, application.sign_key)
    try:
        async with session.post(application.notification_url, data=signed, allow_redirects=False) as response:
            await response.read()
            return str(response.status), True
    except TimeoutError:
        return f"no answer within {application.behaviour.push_timeout_s:g} s", False
    except (aiohttp.ClientError, OSError) as error:
        return f"no connection ({type(error).__name__})", False


def _signed(body: bytes, sign_key: str) -> bytes:
    text = body.rstrip()
    if not sign_key or not text.endswith(b"}"):
        return body
    sign, t = push_signature(sign_key)
    comma = b"" if text[:-1].rstrip().endswith(b"{") else b","
    return b'%s%s"Sign":"%s","T":%d}' % (text[:-1], comma, sign.encode(), t)


def _type_of(body: bytes) -> str:
    try:
        return str(json.loads(body)["EventType"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return "a notification"
