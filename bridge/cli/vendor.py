"""``vod-bridge vendor``: shows how an application is set up at the vendor, and sets it up by the settings."""

import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Annotated

import aiohttp
import msgspec
import typer
from msgspec import Struct

from bridge.cli.support.exit import EXIT_FAILED, EXIT_USAGE, ConfigFile, fail, load_settings_or_exit
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.terminal import mask_nested, mask_secrets_of, safe_text
from bridge.cli.support.vendor_account import (
    AccountOptions,
    AppOption,
    EndpointOption,
    SecretIdOption,
    SecretKeyOption,
    SubAppIdOption,
    account_of,
)
from bridge.core.application import Application
from bridge.core.printable import json_escaped
from bridge.io.vod.account import Account
from bridge.io.vod.api import EVENT_SWITCHES, EventConfig, VodApi
from bridge.io.vod.errors import ApiError, TransportError
from bridge.observability.logging import configure_logging
from bridge.operations.callback_probe import callback_url
from bridge.operations.check.vendor import api_error_remedy, env_prefix, unreachable_remedy
from bridge.operations.vendor_config import ConfigChange, config_changes
from bridge.operations.vendor_states import without_token
from bridge.settings.sections import HttpSettings
from bridge.settings.settings import Settings

_DELAY_NOTE = (
    "the vendor acts on it within about 10 minutes; the console's page Applications tests a callback URL"
)
_NO_URL = (
    "the callback URL is not compared: set http.public_url, or give --url: the URL by which the vendor"
    " reaches the bridge"
)
_PUSH_WITHOUT_URL = (
    "the mode would become PUSH, and the callback URL is not known: set http.public_url, or give --url"
)
_QUEUE_NOTE = "events that wait in its queue are not posted; this finds those of finished tasks"
_MAIN_APPLICATION = "none: the vendor takes the account's main application"

_Set = Annotated[bool, typer.Option("--set", help="Change what differs from the settings.")]
_Url = Annotated[
    str,
    typer.Option(
        help="The bridge's public URL, without /callbacks, in place of http.public_url.", show_default=False
    ),
]
_Events = Annotated[
    str,
    typer.Option(
        metavar="TYPES",
        help=f"Events to switch on, comma-separated, or all: {', '.join(EVENT_SWITCHES)}.",
        show_default=False,
    ),
]
_SignKey = Annotated[
    bool,
    typer.Option("--sign-key", help="With --set: send the application's SignKey, too."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


_SIGN_KEY = re.compile(r"[A-Za-z0-9]{1,32}")  # ModifyEventConfig takes no other


class _UnknownChangeError(Exception):
    """The vendor was asked to change it, and gave no response."""


class _Request(Struct, frozen=True, kw_only=True):
    application: Application
    sub_app_id: int | None
    callback_url: str
    events: Sequence[str]
    sign_key: str
    do_set: bool


class _Report(Struct, kw_only=True):
    """What the vendor has, what differs, and whether that was changed."""

    application: str
    sub_app_id: int | None
    mode: str
    callback_url: str
    events: dict[str, str]
    differences: list[dict[str, str]]
    changed: bool = False
    sign_key_sent: bool = False


def vendor(  # noqa: PLR0913 - one parameter is one option of the command
    *,
    app: AppOption,
    do_set: _Set = False,
    url: _Url = "",
    events: _Events = "",
    sign_key: _SignKey = False,
    as_json: _Json = False,
    secret_id: SecretIdOption = "",
    secret_key: SecretKeyOption = "",
    endpoint: EndpointOption = "",
    sub_app_id: SubAppIdOption = None,
    config: ConfigFile = None,
) -> None:
    """Show how an application is set up at the vendor: mode, callback URL, events; change it with --set.

    An application has one callback URL there: --set replaces the one that it shows, and needs a SubAppId.

    Ends with 1 where something differs from the settings and was not changed.

    Example: vod-bridge vendor --app my-shop

    Example: vod-bridge vendor --app my-shop --url https://bridge.example --events all --set
    """
    configure_logging("error", "console", sys.stderr, mask=mask_nested)
    settings = load_settings_or_exit(config)
    mask_secrets_of(settings, secret_key)
    options = AccountOptions(
        app=app, secret_id=secret_id, secret_key=secret_key, endpoint=endpoint, sub_app_id=sub_app_id
    )
    account = account_of(settings, options)
    application = settings.applications()[app]
    if application.mode == "pull-legacy":
        fail(f"--app {app}: the v2 interface says nothing of its set-up; see the VOD console", EXIT_USAGE)
    if do_set and account.sub_app_id is None:
        fail(_no_sub_app_id(options), EXIT_USAGE)
    if url and application.mode != "push":
        fail(f"--url: {app} is pulled, and has no callback URL", EXIT_USAGE)
    request = _Request(
        application=application,
        sub_app_id=account.sub_app_id,
        callback_url=callback_url(_with_url(settings, url), application),
        events=_events(events),
        sign_key=_sign_key(application, do_set=do_set) if sign_key else "",
        do_set=do_set,
    )
    report = _ask(account, request, options.variable_prefix)
    _print(report, request, as_json=as_json)
    if report.differences and not report.changed:
        raise typer.Exit(EXIT_FAILED)


def _ask(account: Account, request: _Request, prefix: str) -> _Report:
    """Return what the vendor says. ``prefix`` begins the names of the variables that the key is from."""
    try:
        return run_interruptible(_run(account, request))
    except ApiError as error:
        remedy = api_error_remedy(error.code, prefix, "--sub-app-id")
        fail(f"the vendor refuses: {error} - {remedy}")
    except _UnknownChangeError as error:
        fail(
            f"it is not known whether the vendor has changed it: {error} - see without --set what it has; to"
            " run the same command again does no harm"
        )
    except TransportError as error:
        fail(f"the vendor cannot be asked: {error} - {unreachable_remedy(request.application.name, error)}")
    except ValueError as error:
        fail(f"the vendor cannot be asked: {error}")


async def _run(account: Account, request: _Request) -> _Report:
    async with aiohttp.ClientSession() as session:
        api = VodApi(account, session, time.time)
        config = await api.event_config()
        changes = config_changes(config, request.application, request.callback_url, request.events)
        parameters = {change.parameter: change.value for change in changes}
        if request.sign_key:
            parameters["SignKey"] = request.sign_key
        if request.do_set and parameters:
            await _change(api, parameters)
        return _report(config, changes, request, changed=request.do_set and bool(parameters))


async def _change(api: VodApi, parameters: Mapping[str, str]) -> None:
    if parameters.get("Mode") == "PUSH" and "NotificationUrl" not in parameters:
        fail(f"--set: nothing was changed: {_PUSH_WITHOUT_URL}")
    try:
        await api.modify_event_config(parameters)
    except TransportError as error:
        raise _UnknownChangeError(str(error)) from None


def _report(
    config: EventConfig, changes: Sequence[ConfigChange], request: _Request, *, changed: bool
) -> _Report:
    return _Report(
        application=request.application.name,
        sub_app_id=request.sub_app_id,
        mode=config.mode,
        callback_url=without_token(config.notification_url),
        events={event: "on" if is_on else "off" for event, is_on in config.events.items()},
        differences=[
            {"name": change.name, "before": change.before, "after": change.after} for change in changes
        ],
        changed=changed,
        sign_key_sent=changed and bool(request.sign_key),
    )


def _print(report: _Report, request: _Request, *, as_json: bool) -> None:
    if request.application.mode == "push" and not request.callback_url:
        typer.echo(_NO_URL, err=True)
    if as_json:
        text: bytes = msgspec.json.format(msgspec.json.encode(report), indent=2)
        typer.echo(json_escaped(text.decode()))
        return
    found = {
        "SubAppId": _MAIN_APPLICATION if report.sub_app_id is None else str(report.sub_app_id),
        "mode": report.mode,
        "callback URL": report.callback_url or "none",
        **report.events,
    }
    for name, value in found.items():
        typer.echo(safe_text(f"{name:<20}{value}"))
    done = "changed" if report.changed else "differs, --set changes it"
    for one in report.differences:
        typer.echo(safe_text(f"{done}: {one['name']}: {one['before']} -> {one['after']}"))
        if (one["name"], one["after"]) == ("mode", "PUSH"):
            typer.echo(f"{_QUEUE_NOTE}: vod-bridge audit --app {report.application} --since 72h --backfill")
    if report.changed:
        typer.echo(f"{'the SignKey was sent; ' if report.sign_key_sent else ''}{_DELAY_NOTE}")
    elif not report.differences:
        typer.echo("nothing differs from the settings")


def _no_sub_app_id(options: AccountOptions) -> str:
    return (
        "--set: without a SubAppId the vendor would change the account's main application: set"
        f" {env_prefix(options.app)}SUB_APP_ID, or give --sub-app-id; the VOD console lists the applications"
        " with their ids"
    )


def _with_url(settings: Settings, url: str) -> Settings:
    if not url:
        return settings
    try:
        public = HttpSettings(public_url=url)
    except ValueError:
        fail(f"--url {without_token(url)}: must be an http(s) URL without login and query", EXIT_USAGE)
    if url.rstrip("/").endswith("/callbacks"):
        fail(f"--url {url}: give it without /callbacks, which is appended", EXIT_USAGE)
    return settings.model_copy(update={"http": public})


def _events(text: str) -> Sequence[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        return list(EVENT_SWITCHES)
    for name in names:
        if name not in EVENT_SWITCHES:
            fail(f"--events {name}: cannot be switched; what can: {', '.join(EVENT_SWITCHES)}", EXIT_USAGE)
    return names


def _sign_key(application: Application, *, do_set: bool) -> str:
    if not do_set:
        fail("--sign-key is for --set", EXIT_USAGE)
    if len(application.sign_keys) != 1:
        problem = "has several sign keys: give one alone" if application.sign_keys else "has no sign key"
        fail(f"--sign-key: {application.name} {problem} in the settings", EXIT_USAGE)
    if not _SIGN_KEY.fullmatch(application.sign_keys[0]):
        fail("--sign-key: the vendor takes 1 to 32 letters and digits; set another key", EXIT_USAGE)
    return application.sign_keys[0]
