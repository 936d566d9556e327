"""Checks of the vendor's side of what is pulled: let in, in the same mode, sending what is expected."""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import TypeVar

import aiohttp

from bridge.cli.finding import Finding, failed, ok, warning
from bridge.core.plural import counted
from bridge.io.vod.api import ApiError, EventConfig, TransportError, VodApi
from bridge.settings.apps import AppSettings
from bridge.wiring import vendor_account

_MANY_WAIT = 10_000
_SOON = "it takes about 10 minutes"
# How the vendor begins the code of a refusal, and what to do; the longest beginning counts.
_TODO = {
    "AuthFailure": "check {its}SECRET_ID and {its}SECRET_KEY",
    "AuthFailure.SecretIdNotFound": "check {its}SECRET_ID: this key is unknown there, or disabled",
    "AuthFailure.SignatureFailure": "check {its}SECRET_KEY: it does not belong to this SecretId",
    "AuthFailure.SignatureExpire": "set this machine's clock",
    "AuthFailure.TokenFailure": "renew the token in the folder that {its}CREDENTIALS_DIR names",
    "AuthFailure.UnauthorizedOperation": "grant this key QcloudVODFullAccess, or the vod: actions it calls",
    "UnauthorizedOperation": "check {number}, and that this key may call vod: actions for it",
    "InvalidParameter": "check {number}",
    "FailedOperation.InvalidVodUser": "check {number}, and that VOD is activated for this account",
    "RequestLimitExceeded": "check again: others ask with the same account",
}
_UNKNOWN_TODO = "look the code up in the vendor's documentation of its API"

T = TypeVar("T")


async def check_vendor(apps: Mapping[str, AppSettings]) -> list[Finding]:
    """Check all that are pulled, at once. For those that are pushed the bridge has no key to ask with."""
    async with aiohttp.ClientSession() as session:
        found = await asyncio.gather(
            *(_check(name, app, session) for name, app in sorted(apps.items()) if app.mode != "push")
        )
    return [finding for findings in found for finding in findings]


def variables_of(app: str) -> str:
    """Say how the names of an application's settings begin."""
    return f"BRIDGE_APPS__{app.upper().replace('-', '_')}__"


def refusal_todo(code: str, variables: str, number: str = "") -> str:
    """Say what to do about a refusal.

    ``variables`` is how the names of what was set begin, ``number`` what says the SubAppId if none of these.
    """
    fitting = [begin for begin in _TODO if code.startswith(begin)]
    if not fitting:
        return _UNKNOWN_TODO
    return _TODO[max(fitting, key=len)].format(its=variables, number=number or f"{variables}SUB_APP_ID")


async def _check(name: str, app: AppSettings, session: aiohttp.ClientSession) -> list[Finding]:
    if app.mode == "pull-legacy":
        return [ok("vendor", f"{name}: not asked: the v2 interface tells nothing of its set-up")]
    try:
        api = VodApi(vendor_account(app, wait_for_credential=True), session, time.time)
    except ValueError as error:
        return [failed("vendor address", f"{name}: {error}", f"mend {variables_of(name)}ENDPOINT")]
    config = await _asked(name, api.event_config())
    if isinstance(config, Finding):
        return [config]
    way = []
    if api.proxy is not None:
        way = [
            ok("vendor proxy", f"{name}: asked by way of the proxy {api.proxy.name} (HTTPS_PROXY, NO_PROXY)")
        ]
    return [
        *way,
        _mode(name, config),
        _switches(name, config),
        _waiting(name, await _asked(name, api.queue_depth())),
    ]


async def _asked(name: str, question: Awaitable[T]) -> T | Finding:
    """Give the answer, or what is found instead of one."""
    try:
        return await question
    except ApiError as refusal:
        tell = warning if refusal.code.startswith("RequestLimitExceeded") else failed
        return tell(
            "vendor login",
            f"{name}: the vendor refuses: {refusal}",
            refusal_todo(refusal.code, variables_of(name)),
        )
    except TransportError as trouble:
        todo = (
            f"check {variables_of(name)}ENDPOINT, then the way out: DNS, HTTPS_PROXY and NO_PROXY, firewalls"
        )
        if str(trouble).startswith("no credential"):
            todo = f"mend what {variables_of(name)}CREDENTIALS_DIR or …CREDENTIALS_PROVIDER names"
        return failed("vendor address", f"{name}: {trouble}", todo)


def _mode(name: str, config: EventConfig) -> Finding:
    if config.mode == "PULL":
        return ok("vendor mode", f"{name}: its events wait to be pulled")
    what = f"{name}: mode pull is configured, and at the vendor it is {config.mode}: nothing will be pulled"
    todo = f"ModifyEventConfig Mode=PULL ({_SOON}), or set {variables_of(name)}MODE=push and its callback URL"
    return failed("vendor mode", what, todo)


def _switches(name: str, config: EventConfig) -> Finding:
    off = {
        event: switch
        for event, switch, on in (
            ("NewFileUpload", "UploadMediaCompleteEventSwitch", config.upload),
            ("FileDeleted", "DeleteMediaCompleteEventSwitch", config.delete),
            ("PersistenceComplete", "PersistenceCompleteEventSwitch", config.persistence),
        )
        if not on
    }
    if not off:
        return ok("vendor events", f"{name}: uploads, deletions and persistence are sent")
    what = f"{name}: switched off at the vendor, as it is by default, and never sent: {', '.join(off)}"
    switches = " ".join(f"{switch}=ON" for switch in off.values())
    return warning(
        "vendor events", what, f"where wanted, ModifyEventConfig {switches}, or in its console ({_SOON})"
    )


def _waiting(name: str, count: int | Finding) -> Finding:
    if isinstance(count, Finding):
        return count
    what = f"{name}: about {counted(count, 'event')} waiting to be pulled"
    if count <= _MANY_WAIT:
        return ok("vendor queue", what)
    todo = "see that a bridge runs and that Kafka takes records: the vendor keeps events for 4 days"
    return warning("vendor queue", what, todo)
