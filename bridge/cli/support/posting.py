"""Posts notifications to a bridge, counts the outcomes, and prints the summary: for ``send`` and ``fire``."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

import aiohttp
import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bridge.cli.support.exit import EXIT_FAILED, EXIT_USAGE, fail
from bridge.cli.support.input_files import InputNotification
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.render import render_response, safe_text
from bridge.cli.support.signing import SignatureLocation, mask_callback_url, sign_body
from bridge.core.printable import json_escaped

DEFAULT_URL = "http://127.0.0.1:8080/callbacks"
URL_VARIABLE = "VOD_CALLBACK_URL"

# The ingress withholds the response for 6 s where an event is not durable; this is much longer.
_POST_TIMEOUT_S = 30
_PROBLEMS_SHOWN = 20
_NEWLINE_BYTES = 1  # the byte between two bodies
_ELAPSED_MIN_S = 0.1
_OUTCOME_MAX_CHARS = 40  # characters shown of a server's outcome
_JSON_HEADERS = {"Content-Type": "application/json"}
# The last two are a twin's of the vendor, which sends the notification on.
_SUCCESSFUL = frozenset({"published", "duplicate", "spooled", "pushing", "queued"})


class _Item(Struct, frozen=True):
    """A notification and its index, from 0."""

    index: int
    notification: InputNotification


_OnPosted = Callable[[_Item, int, bytes], None]
_ItemQueue = asyncio.Queue[_Item | OSError | None]  # None: the end


class PostOptions(Struct, frozen=True, kw_only=True):
    """Where to post and how; the first ``skip`` notifications are left out."""

    url: str
    sign_key: str
    sign_in: SignatureLocation = SignatureLocation.BODY
    concurrency: int = 1
    skip: int = 0


class _SendCounts(Struct, kw_only=True):
    """The outcomes so far. ``skip`` counts those done without a gap from the beginning, skipped included."""

    skip: int
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    problems: int = 0
    stop_reason: str = ""
    done_ahead: set[int] = msgspec.field(default_factory=set)

    def add_result(self, index: int, outcome: str) -> None:
        """Count one; several are in progress at once, and may be done in another order."""
        self.outcomes[outcome] += 1
        self.done_ahead.add(index)
        while self.skip in self.done_ahead:
            self.done_ahead.remove(self.skip)
            self.skip += 1


class _SendSummary(Struct):
    posted: int
    outcomes: dict[str, int] = msgspec.field(name="endings")
    seconds: float
    stop_reason: str = msgspec.field(name="stopped")
    skip: int


def post_and_exit(
    post_options: PostOptions,
    notifications: Iterator[InputNotification],
    size_bytes: int | None,
    *,
    as_json: bool,
) -> None:
    """Post all, print the summary, and exit with 1 where one was neither published, duplicate nor spooled.

    ``size_bytes`` is the size of all, for the progress bar; None where it is not known.
    """
    if not post_options.url.startswith(("http://", "https://")):
        fail(f"--url {mask_callback_url(post_options.url)}: must begin with http:// or https://", EXIT_USAGE)
    started_at = time.monotonic()
    counts = _post_with_progress(post_options, notifications, size_bytes)
    _print_summary_and_exit(counts, time.monotonic() - started_at, as_json=as_json)


def _post_with_progress(
    post_options: PostOptions, notifications: Iterator[InputNotification], size_bytes: int | None
) -> _SendCounts:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    counts = _SendCounts(skip=post_options.skip)
    started_at = time.monotonic()
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rate]}/s"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        # The number of notifications is known only at their end, that of bytes at once.
        task = progress.add_task("", total=size_bytes, rate="0")

        def skipped(notification: InputNotification) -> None:
            progress.update(task, advance=len(notification.body) + _NEWLINE_BYTES)

        def posted(item: _Item, status: int, response: bytes) -> None:
            _record_result(counts, console, item, status, response)
            summary_text = "  ".join(f"{outcome} {count}" for outcome, count in counts.outcomes.items())
            rate = f"{counts.outcomes.total() / max(time.monotonic() - started_at, _ELAPSED_MIN_S):.0f}"
            read = len(item.notification.body) + _NEWLINE_BYTES
            progress.update(task, advance=read, description=summary_text, rate=rate)

        try:
            run_interruptible(
                _post_all(post_options, _items(notifications, post_options.skip, skipped), posted)
            )
        except* _SendStoppedError as stopped:
            counts.stop_reason = str(stopped.exceptions[0])
        except* KeyboardInterrupt:
            counts.stop_reason = "interrupted"
    return counts


def _items(
    notifications: Iterator[InputNotification], skip: int, skipped: Callable[[InputNotification], None]
) -> Iterator[_Item]:
    """Yield all notifications but the first ``skip``."""
    for index, notification in enumerate(notifications):
        if index < skip:
            skipped(notification)
        else:
            yield _Item(index, notification)


class _SendStoppedError(Exception):
    """Nothing answers at the URL, or a file cannot be read."""


async def _post_all(post_options: PostOptions, items: Iterator[_Item], posted: _OnPosted) -> None:
    queue: _ItemQueue = asyncio.Queue()
    slots = threading.Semaphore(post_options.concurrency)
    loop = asyncio.get_running_loop()

    def put(item: _Item | OSError | None) -> None:
        slots.acquire()
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def read() -> None:
        try:
            for item in items:
                put(item)
        except OSError as error:
            put(error)
        put(None)

    # A daemon thread: a read from a terminal must not prevent the exit.
    threading.Thread(target=read, daemon=True).start()
    timeout = aiohttp.ClientTimeout(total=_POST_TIMEOUT_S)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(post_options.concurrency):
            group.create_task(_post_worker(post_options, session, queue, slots, posted))


async def _post_worker(
    post_options: PostOptions,
    session: aiohttp.ClientSession,
    queue: _ItemQueue,
    slots: threading.Semaphore,
    posted: _OnPosted,
) -> None:
    while (item := await queue.get()) is not None:
        slots.release()
        if isinstance(item, OSError):
            raise _SendStoppedError(f"cannot read {item.filename or 'a file'}: {item.strerror}")
        body, query = sign_body(item.notification.body, post_options.sign_key, post_options.sign_in)
        try:
            async with session.post(
                post_options.url, data=body, params=query, headers=_JSON_HEADERS
            ) as response:
                posted(item, response.status, await response.read())
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or error
            raise _SendStoppedError(
                f"nothing answers at {mask_callback_url(post_options.url)} ({reason}):"
                " is the bridge running? `vod-bridge dev` starts one on this machine"
            ) from None
        except aiohttp.InvalidURL:
            raise _SendStoppedError(f"--url {mask_callback_url(post_options.url)}: is no URL") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            posted(item, 0, str(error).encode())
    queue.put_nowait(None)  # ends the other workers, too


def _record_result(counts: _SendCounts, console: Console, item: _Item, status: int, response: bytes) -> None:
    outcome = safe_text(_outcome_of(status, response))[:_OUTCOME_MAX_CHARS]
    counts.add_result(item.index, outcome)
    if outcome in _SUCCESSFUL:
        return
    counts.problems += 1
    if counts.problems <= _PROBLEMS_SHOWN:
        console.print(f"{safe_text(item.notification.origin)}: ", render_response(status, response), sep="")
    elif counts.problems == _PROBLEMS_SHOWN + 1:
        console.print("further problems are only counted")


def _outcome_of(status: int, response: bytes) -> str:
    if not status:
        return "unanswered"
    try:
        raw_outcome = msgspec.json.decode(response, type=dict[str, msgspec.Raw]).get(
            "outcome", msgspec.Raw(b'""')
        )
        return msgspec.json.decode(raw_outcome, type=str) or f"refused {status}"
    except msgspec.MsgspecError:
        return f"refused {status}"


def _print_summary_and_exit(counts: _SendCounts, seconds: float, *, as_json: bool) -> None:
    posted = counts.outcomes.total()
    if as_json:
        summary = _SendSummary(
            posted, dict(counts.outcomes), round(seconds, 3), counts.stop_reason, counts.skip
        )
        typer.echo(json_escaped(msgspec.json.encode(summary).decode()))
    else:
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.outcomes.most_common())
        typer.echo(f"{posted} posted in {seconds:.1f} s: {outcomes}" if posted else "nothing was posted")
    if counts.stop_reason:
        resume_hint = f"; --skip {counts.skip} goes on from there" if counts.skip else ""
        fail(f"stopped after {posted}: {counts.stop_reason}{resume_hint}" if posted else counts.stop_reason)
    if not set(counts.outcomes) <= _SUCCESSFUL:
        raise typer.Exit(EXIT_FAILED)
