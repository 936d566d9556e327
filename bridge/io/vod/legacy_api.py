"""Speaks the vendor's v2 interface: the queue of applications that still have 4.0 events."""

from collections.abc import Callable, Mapping, Sequence
from secrets import randbelow
from urllib.parse import urlencode

import aiohttp

from bridge.io.vod.account import Account
from bridge.io.vod.errors import ApiError, make_api_error
from bridge.io.vod.event_queue import PulledEvent, confirmable
from bridge.io.vod.json_parts import NULL, decode_or, parse_array, parse_object
from bridge.io.vod.signing import V2_PATH, v2_query
from bridge.io.vod.transport import ApiRequest, ApiTransport

_FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
_HOST = "vod.api.qcloud.com"
_EMPTY_QUEUE_CODE = "4000"  # what the vendor's own demo takes for an empty queue; the documents do not say


class LegacyApi:
    """One application's queue by PullEvent and ConfirmEvent. ``now_s`` is the wall clock in unix seconds."""

    def __init__(self, account: Account, session: aiohttp.ClientSession, now_s: Callable[[], float]) -> None:
        self._transport = ApiTransport(account, session, _HOST)
        self._common = {} if account.sub_app_id is None else {"SubAppId": str(account.sub_app_id)}
        self._now_s = now_s

    async def pull(self) -> list[PulledEvent]:
        """Fetch some events; empty if code 4000, null or an empty list means that none wait."""
        try:
            return await self._call("PullEvent", {})
        except ApiError as error:
            if error.code == _EMPTY_QUEUE_CODE:
                return []
            raise

    async def confirm(self, handles: Sequence[str]) -> None:
        """Let the vendor forget at most 16 events: all of them, or none and an error."""
        if confirmable_handles := confirmable(handles):
            await self._call(
                "ConfirmEvent", {f"msgHandle.{n}": one for n, one in enumerate(confirmable_handles)}
            )

    async def _call(self, action: str, parameters: Mapping[str, str]) -> list[PulledEvent]:
        credential = self._transport.credential()
        all_parameters = {"Action": action, **self._common, **parameters}
        query = v2_query(
            credential, self._transport.host, all_parameters, self._now_s(), 1 + randbelow(2**31 - 1)
        )
        api_response = await self._transport.send(
            ApiRequest(path=V2_PATH, headers=_FORM_HEADERS, body=urlencode(query).encode())
        )
        try:
            members = parse_object(api_response.body)
            code = int(members["code"].strip(b'"'))
            events = parse_array(members.get("eventList", NULL))
        except (KeyError, ValueError):
            raise self._transport.invalid_response(api_response) from None
        if code != 0:
            raise make_api_error(str(code), decode_or(members.get("message", NULL), str, ""), credential)
        self._transport.raise_for_status(api_response)
        return [_to_pulled_event(event) for event in events]


def _to_pulled_event(element: bytes) -> PulledEvent:
    """Take the event out of its element; an element without one goes on as it is, to be refused and kept."""
    try:
        members = parse_object(element)
    except ValueError:
        return PulledEvent("", element)
    body = members.get("eventContent", element)
    return PulledEvent(
        decode_or(members.get("msgHandle", NULL), str, ""), decode_or(body, str, "").encode() or body
    )
