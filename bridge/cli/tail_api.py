"""``vod-bridge tail --api``: the deliveries of a bridge by the API of its admin port."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.text import Text

from bridge.cli.support.exit import EXIT_USAGE, fail
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.pipe import discard_stdout, watch_broken_pipe
from bridge.cli.support.render import DELIVERY_STYLES, safe_text
from bridge.cli.support.terminal import mask_nested, mask_secrets_of
from bridge.cli.tail_filter import RecordFilter
from bridge.cli.tail_records import OutcomeChoice, TailOptions, print_note
from bridge.core.printable import json_escaped
from bridge.settings.errors import mask_url
from bridge.settings.secret_files import SecretFileError, read_secret
from bridge.settings.settings import Settings

_LIST_MAX = 1000
_SILENCE_MAX_S = 45.0  # the stream sends something every 15 s
_TIMEOUT_S = 10.0
_LINE_MAX_BYTES = 1 << 20
_TEXT_MAX = 300
_UNAUTHORIZED, _OK, _NOT_FOUND = 401, 200, 404


class ApiAddress(NamedTuple):
    """The admin port of a bridge, and the file with its token."""

    url: str
    token_file: Path | None


class _Request(NamedTuple):
    url: str
    record_filter: RecordFilter
    options: TailOptions

    @property
    def from_beginning(self) -> bool:
        """Whether what the process remembers is shown first."""
        return self.options.from_beginning or not self.options.follow


class _Delivery(Struct, kw_only=True):
    time: str = ""
    application: str = ""
    type: str = ""
    outcome: str = ""
    reason: str = ""
    detail: str = ""
    file_id: str = ""
    task_id: str = ""
    event_id: str = ""
    topic: str = ""
    client: str = ""


class _Deliveries(Struct):
    deliveries: list[msgspec.Raw]
    last_number: int | str  # a text where there are several workers or replicas
    left_out: int


class _ApiError(Exception):
    """The API did not answer as expected; the text says why, and what to do."""


def tail_api(
    address: ApiAddress, record_filter: RecordFilter, options: TailOptions, settings: Settings
) -> None:
    """Show the deliveries until Ctrl-C, or those that are there."""
    if options.since:
        fail("--since: the API knows the last deliveries only; --from-beginning shows them", EXIT_USAGE)
    outcomes = set(record_filter.outcomes) - {OutcomeChoice.REJECTED}
    if outcomes:
        fail(
            f"--outcome {min(outcomes)}: the API knows how a delivery ended, not what the event reports;"
            " with --api only --dead-letters",
            EXIT_USAGE,
        )
    if not address.url.startswith(("http://", "https://")):
        fail(f"--api {mask_url(address.url)}: must begin with http:// or https://", EXIT_USAGE)
    token = _token(address.token_file, settings)
    mask_secrets_of(settings, token)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        run_interruptible(_show_until_cancelled(_Request(address.url, record_filter, options), headers))
    except _ApiError as error:
        fail(str(error))
    except BrokenPipeError:
        discard_stdout()
    except KeyboardInterrupt:
        return


def _token(path: Path | None, settings: Settings) -> str:
    if path is None:
        secret = settings.admin.read_token or settings.admin.token
        return secret.get_secret_value() if secret else ""
    try:
        return read_secret(path)
    except OSError as error:
        fail(f"--token-file {path}: cannot be read: {error.strerror}", EXIT_USAGE)
    except SecretFileError as error:
        fail(f"--token-file {path}: {error}", EXIT_USAGE)


async def _show_until_cancelled(wanted: _Request, headers: dict[str, str]) -> None:
    """Show them; Ctrl-C, or the end of who reads the output, ends this command successfully."""
    watcher = asyncio.create_task(watch_broken_pipe(asyncio.current_task()))
    try:
        await _show(wanted, headers)
    except asyncio.CancelledError:
        return
    finally:
        watcher.cancel()


async def _show(wanted: _Request, headers: dict[str, str]) -> None:
    console, shown_count = Console(highlight=False, soft_wrap=True), 0
    async with (
        aiohttp.ClientSession(headers=headers, read_bufsize=_LINE_MAX_BYTES) as session,
        aclosing(_answers(session, wanted)) as answers,
    ):
        async for answer in answers:
            if answer.left_out:
                print_note(f"{answer.left_out} deliveries came faster than they could be shown")
            for raw in answer.deliveries:
                delivery = msgspec.json.decode(raw, type=_Delivery)
                if not _matches(wanted.record_filter, delivery):
                    continue
                _print(delivery, raw, wanted, console)
                shown_count += 1
                if shown_count == wanted.options.max_records > 0:
                    return


async def _answers(session: aiohttp.ClientSession, wanted: _Request) -> AsyncGenerator[_Deliveries, None]:
    """Yield what the API answers, the oldest first: what it remembers, then what comes."""
    url = f"{wanted.url.rstrip('/')}/api/v1/deliveries"
    after: dict[str, str] = {}
    if wanted.from_beginning:
        query = _query(wanted.record_filter) | {"limit": str(_LIST_MAX)}
        async with _get(session, url, query, {}) as response:
            answer = _decode(await response.read())
        answer.deliveries.reverse()
        answer.left_out = 0  # older ones, which the process has forgotten
        yield answer
        after = {"after": str(answer.last_number)}
    if not wanted.options.follow:
        return
    accept = {"Accept": "text/event-stream"}
    async with _get(session, url, _query(wanted.record_filter) | after, accept) as response:
        try:
            async for line in response.content:
                if line.startswith(b"data:"):
                    yield _decode(line.removeprefix(b"data:"))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _ApiError(f"{wanted.url} broke the stream off ({error or 'it was silent'})") from None
    raise _ApiError(f"{wanted.url} ended the stream: does it stop, or is it replaced? Start this again")


@asynccontextmanager
async def _get(
    session: aiohttp.ClientSession, url: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Open one request. Raises `_ApiError` where it is not answered with 200."""
    timeout = aiohttp.ClientTimeout(sock_connect=_TIMEOUT_S, sock_read=_SILENCE_MAX_S)
    try:
        response = await session.get(url, params=query, headers=headers, timeout=timeout)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise _ApiError(
            f"{url} does not answer ({error or 'no answer'}): is the bridge running, and this its admin port?"
        ) from None
    async with response:
        if response.status == _UNAUTHORIZED:
            raise _ApiError(
                "this bridge asks for a token: --token-file, or BRIDGE_ADMIN__READ_TOKEN as the bridge has it"
            )
        if response.status == _NOT_FOUND:
            raise _ApiError(f"{url} is not there: is this the admin port?")
        if response.status != _OK:
            raise _ApiError(f"{url} answers {response.status}: {(await response.text())[:_TEXT_MAX]}")
        yield response


def _decode(text: bytes) -> _Deliveries:
    try:
        return msgspec.json.decode(text, type=_Deliveries)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _ApiError("the answer is not that of a bridge: is this its admin port?") from None


def _query(wanted: RecordFilter) -> dict[str, str]:
    """Return what the API can filter by: one value of each kind. `_matches` does the rest."""
    found = {
        "application": wanted.apps,
        "type": wanted.types,
        "file": wanted.files,
        "task": wanted.tasks,
        "outcome": wanted.outcomes,
    }
    return {name: str(values[0]) for name, values in found.items() if len(values) == 1}


def _matches(wanted: RecordFilter, delivery: _Delivery) -> bool:
    kinds = (
        (wanted.apps, delivery.application),
        (wanted.types, delivery.type),
        (wanted.outcomes, delivery.outcome),
        (wanted.ids, delivery.event_id),
        (wanted.files, delivery.file_id),
        (wanted.tasks, delivery.task_id),
    )
    return all(not values or value in values for values, value in kinds)


def _print(delivery: _Delivery, raw: msgspec.Raw, wanted: _Request, console: Console) -> None:
    if wanted.options.as_json:
        # Control characters are escaped by the API, and secrets masked by both.
        typer.echo(json_escaped(msgspec.json.encode(mask_nested(msgspec.json.decode(raw))).decode()))
        return
    line = Text.assemble(
        (safe_text(delivery.time if wanted.from_beginning else delivery.time[11:23]), "dim"),
        "  ",
        (safe_text(delivery.type) or "-", "bold"),
        "  ",
        (safe_text(delivery.application) or "-", "magenta"),
        "  ",
        (safe_text(delivery.outcome), DELIVERY_STYLES.get(delivery.outcome, "red")),
    )
    for name, text in (("file", delivery.file_id), ("task", delivery.task_id), ("from", delivery.client)):
        if text:
            line.append(f"  {name} {safe_text(text)}")
    for text in (delivery.reason, delivery.detail):
        if text:
            line.append(f"  {safe_text(text)}", "red")
    if wanted.options.show_ids and delivery.event_id:
        line.append(f"  id {safe_text(delivery.event_id)} on {safe_text(delivery.topic)}", "blue")
    with console.capture() as capture:
        console.print(line)
    sys.stdout.write(capture.get())
    sys.stdout.flush()
