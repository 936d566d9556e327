"""Speaks the vendor's v2 interface: the queue of applications that still have 4.0 events."""

from collections.abc import Callable, Mapping, Sequence
from secrets import randbelow
from urllib.parse import urlencode

import aiohttp

from bridge.io.vod_api.account import Account
from bridge.io.vod_api.answers import NULL, Pulled, Refused, listed, opened, read, told
from bridge.io.vod_api.line import Line, Request, refused
from bridge.io.vod_api.signing import V2_PATH, v2_query

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_HOST = "vod.api.qcloud.com"
_EMPTY = "4000"  # what the vendor's own demo takes for an empty queue; the documents do not say


class LegacyApi:
    """One application's queue by PullEvent and ConfirmEvent. ``now_s`` is the wall clock in unix seconds."""

    def __init__(self, account: Account, session: aiohttp.ClientSession, now_s: Callable[[], float]) -> None:
        self._line = Line(account, session, _HOST)
        self._common = {} if account.sub_app_id is None else {"SubAppId": str(account.sub_app_id)}
        self._now_s = now_s

    async def pull(self) -> list[Pulled]:
        """Fetch some events; none where code 4000, null or an empty list says that none wait."""
        try:
            return await self._call("PullEvent", {})
        except Refused as refusal:
            if refusal.code == _EMPTY:
                return []
            raise

    async def confirm(self, handles: Sequence[str]) -> None:
        """Let the vendor forget at most 16 events: all of them, or none and an error."""
        if named := told(handles):
            await self._call("ConfirmEvent", {f"msgHandle.{n}": one for n, one in enumerate(named)})

    async def _call(self, action: str, parameters: Mapping[str, str]) -> list[Pulled]:
        credential = self._line.credential()
        given = {"Action": action, **self._common, **parameters}
        query = v2_query(credential, self._line.host, given, self._now_s(), 1 + randbelow(2**31 - 1))
        answer = await self._line.ask(Request(path=V2_PATH, headers=_FORM, body=urlencode(query).encode()))
        try:
            members = opened(answer.body)
            code = int(members["code"].strip(b'"'))
            events = listed(members.get("eventList", NULL))
        except (KeyError, ValueError):
            raise self._line.garbage(answer) from None
        if code != 0:
            raise refused(str(code), read(members.get("message", NULL), str, ""), credential)
        self._line.judge(answer)
        return [_pulled(event) for event in events]


def _pulled(element: bytes) -> Pulled:
    """Take the event out of its element; an element without one goes on as it is, to be refused and kept."""
    try:
        members = opened(element)
    except ValueError:
        return Pulled("", element)
    body = members.get("eventContent", element)
    return Pulled(read(members.get("msgHandle", NULL), str, ""), read(body, str, "").encode() or body)
