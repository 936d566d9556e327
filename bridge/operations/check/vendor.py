"""Checks of pulled applications at the vendor: login, delivery mode, event switches, queue."""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import TypeVar

import aiohttp

from bridge.core.plural import counted
from bridge.io.vod.api import EVENT_SWITCHES, EventConfig, VodApi
from bridge.io.vod.errors import ApiError, TransportError
from bridge.operations.check.finding import Finding, failed, ok, warning
from bridge.settings.apps import AppSettings
from bridge.wiring import vendor_account

_QUEUE_WARNING_EVENTS = 10_000
DELAY_NOTE = "it takes about 10 minutes"
# Remedies by the beginning of the vendor's error code; the longest match counts.
_REMEDIES = {
    "AuthFailure": "check {its}SECRET_ID and {its}SECRET_KEY",
    "AuthFailure.SecretIdNotFound": "check {its}SECRET_ID: this key is unknown there, or disabled; that of an"
    " international account is known at the endpoint vod.intl.tencentcloudapi.com",
    "AuthFailure.SignatureFailure": "check {its}SECRET_KEY: it does not belong to this SecretId",
    "AuthFailure.SignatureExpire": "set this machine's clock",
    "AuthFailure.TokenFailure": "renew the token in the folder that {its}CREDENTIALS_DIR names",
    "AuthFailure.UnauthorizedOperation": "grant this key QcloudVODFullAccess, or the vod: actions it calls",
    "UnauthorizedOperation": "check {number}, and that this key may call vod: actions for it",
    "InvalidParameter": "check {number}",
    "FailedOperation.InvalidVodUser": "check {number}, and that VOD is activated for this account",
    "RequestLimitExceeded": "check again: others ask with the same account",
}
_UNKNOWN_REMEDY = "look the code up in the vendor's documentation of its API"

T = TypeVar("T")


async def check_vendor(apps: Mapping[str, AppSettings]) -> list[Finding]:
    """Check all pulled applications concurrently. For pushed ones the bridge has no API key."""
    async with aiohttp.ClientSession() as session:
        found = await asyncio.gather(
            *(_check_app(name, app, session) for name, app in sorted(apps.items()) if app.mode != "push")
        )
    return [finding for findings in found for finding in findings]


def env_prefix(app: str) -> str:
    """Return the prefix of an application's environment variables."""
    return f"BRIDGE_APPS__{app.upper().replace('-', '_')}__"


def api_error_remedy(code: str, prefix: str, number: str = "") -> str:
    """Return the remedy for an API error.

    ``prefix`` begins the names of the variables that were set; ``number`` names the SubAppId otherwise.
    """
    matching = [code_prefix for code_prefix in _REMEDIES if code.startswith(code_prefix)]
    if not matching:
        return _UNKNOWN_REMEDY
    return _REMEDIES[max(matching, key=len)].format(its=prefix, number=number or f"{prefix}SUB_APP_ID")


def unreachable_remedy(app: str, error: TransportError) -> str:
    """Return the remedy where no response came."""
    if str(error).startswith("no credential"):
        return f"mend what {env_prefix(app)}CREDENTIALS_DIR or …CREDENTIALS_PROVIDER names"
    return f"check {env_prefix(app)}ENDPOINT, then the way out: DNS, HTTPS_PROXY and NO_PROXY, firewalls"


async def _check_app(name: str, app: AppSettings, session: aiohttp.ClientSession) -> list[Finding]:
    if app.mode == "pull-legacy":
        return [ok("vendor", f"{name}: not asked: the v2 interface tells nothing of its set-up")]
    try:
        api = VodApi(vendor_account(app, wait_for_credential=True), session, time.time)
    except ValueError as error:
        return [failed("vendor address", f"{name}: {error}", f"mend {env_prefix(name)}ENDPOINT")]
    config = await call_api(name, api.event_config())
    if isinstance(config, Finding):
        return [config]
    proxy_findings = []
    if api.proxy is not None:
        proxy_findings = [
            ok("vendor proxy", f"{name}: asked by way of the proxy {api.proxy.name} (HTTPS_PROXY, NO_PROXY)")
        ]
    return [
        *proxy_findings,
        _check_mode(name, config),
        _check_switches(name, config),
        _check_queue(name, await call_api(name, api.queue_depth())),
    ]


async def call_api(name: str, call: Awaitable[T]) -> T | Finding:
    """Return the API's result, or the finding about its error."""
    try:
        return await call
    except ApiError as api_error:
        make_finding = warning if api_error.code.startswith("RequestLimitExceeded") else failed
        return make_finding(
            "vendor login",
            f"{name}: the vendor refuses: {api_error}",
            api_error_remedy(api_error.code, env_prefix(name)),
        )
    except TransportError as error:
        return failed("vendor address", f"{name}: {error}", unreachable_remedy(name, error))


def _check_mode(name: str, config: EventConfig) -> Finding:
    if config.mode == "PULL":
        return ok("vendor mode", f"{name}: its events wait to be pulled")
    message = (
        f"{name}: mode pull is configured, and at the vendor it is {config.mode}: nothing will be pulled"
    )
    prefix = env_prefix(name)
    remedy = (
        f"`vod-bridge vendor --app {name} --set` (ModifyEventConfig Mode=PULL; {DELAY_NOTE}), or set"
        f" {prefix}MODE=push and its callback URL"
    )
    return failed("vendor mode", message, remedy)


def _check_switches(name: str, config: EventConfig) -> Finding:
    switched_off = {event: EVENT_SWITCHES[event] for event, is_on in config.events.items() if not is_on}
    if not switched_off:
        return ok("vendor events", f"{name}: uploads, deletions and persistence are sent")
    message = (
        f"{name}: switched off at the vendor, as it is by default, and never sent: {', '.join(switched_off)}"
    )
    command = f"`vod-bridge vendor --app {name} --events {','.join(switched_off)} --set`"
    switches = " ".join(f"{switch}=ON" for switch in switched_off.values())
    return warning(
        "vendor events",
        message,
        f"where wanted, {command} (ModifyEventConfig {switches}), or in its console ({DELAY_NOTE})",
    )


def _check_queue(name: str, count: int | Finding) -> Finding:
    if isinstance(count, Finding):
        return count
    message = f"{name}: about {counted(count, 'event')} waiting to be pulled"
    if count <= _QUEUE_WARNING_EVENTS:
        return ok("vendor queue", message)
    remedy = "see that a bridge runs and that Kafka takes records: the vendor keeps events for 4 days"
    return warning("vendor queue", message, remedy)
