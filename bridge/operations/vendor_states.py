"""How the vendor has set up each application: asked of its API, where there are credentials."""

import asyncio
import re
import time
from collections.abc import Sequence

import aiohttp
from msgspec import Struct

from bridge.core.application import Application
from bridge.io.vod.api import VodApi
from bridge.operations.check.finding import Finding
from bridge.operations.check.vendor import DELAY_NOTE, call_api, env_prefix
from bridge.settings.settings import Settings
from bridge.wiring import vendor_account

_NO_KEY = "there are no credentials of the vendor's API for it: only pulled applications have them"
_LEGACY = "the v2 interface says nothing of its set-up"


class VendorState(Struct, frozen=True, kw_only=True):
    """What the vendor says of an application. ``is_asked`` is false where it cannot be asked: ``problem``.

    ``events`` are those that can be switched off there, with ``on`` or ``off``. ``waiting`` are the events in
    its queue, about; None where that is not known.
    """

    application: str
    is_asked: bool
    mode: str = ""
    callback_url: str = ""
    events: dict[str, str] = {}
    waiting: int | None = None
    problem: str = ""
    remedy: str = ""


async def vendor_states(settings: Settings) -> Sequence[VendorState]:
    """Ask the vendor for all applications, all at once."""
    async with aiohttp.ClientSession() as session:
        return await asyncio.gather(
            *(_state_of(settings, app, session) for app in settings.applications().values())
        )


async def _state_of(settings: Settings, app: Application, session: aiohttp.ClientSession) -> VendorState:
    name = app.name
    if app.mode != "pull":
        problem = _NO_KEY if app.mode == "push" else _LEGACY
        return VendorState(application=name, is_asked=False, problem=problem)
    try:
        api = VodApi(vendor_account(settings.apps[name], wait_for_credential=True), session, time.time)
    except ValueError as error:
        remedy = f"correct {env_prefix(name)}ENDPOINT"
        return VendorState(application=name, is_asked=False, problem=str(error), remedy=remedy)
    config, waiting = await asyncio.gather(
        call_api(name, api.event_config()), call_api(name, api.queue_depth())
    )
    if isinstance(config, Finding):
        return VendorState(application=name, is_asked=True, problem=config.message, remedy=config.remedy)
    is_pulled = config.mode == "PULL"
    remedy = f"`vod-bridge vendor --app {name} --set` ({DELAY_NOTE})"
    return VendorState(
        application=name,
        is_asked=True,
        mode=config.mode,
        callback_url=without_token(config.notification_url),
        events={event: "on" if is_on else "off" for event, is_on in config.events.items()},
        waiting=None if isinstance(waiting, Finding) else waiting,
        problem="" if is_pulled else "its mode there is not PULL: nothing will be pulled",
        remedy="" if is_pulled else remedy,
    )


def without_token(url: str) -> str:
    """Return a URL without login and query, and without the token of a callback path."""
    url = re.sub(r"//[^/]*@", "//", url.partition("?")[0])
    return re.sub(r"(/callbacks/+[^/]+/+)[^/]+", r"\1***", url)
