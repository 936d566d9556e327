"""``vod-bridge send``: post notifications from files to a bridge, and say how each ended."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

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

from bridge.cli.drawing import answer_line, plain
from bridge.cli.ending import FAILED, USED_WRONGLY, fail
from bridge.cli.send_secrets import SignIn, sign_key_of, signed, url_shown
from bridge.cli.sources import STDIN, Sourced, files_of, notifications_of, size_of
from bridge.core.printable import json_escaped

# The door is silent for 6 s about what it cannot make durable; much longer than that is no answer at all.
_ANSWER_WITHIN_S = 30
_PROBLEMS_SHOWN = 20
_LINE_END = 1  # byte, which a body does not hold
_SOON_S = 0.1
_ENDING_MAX = 40  # characters of what a server calls an outcome
_JSON = {"Content-Type": "application/json"}
_WELL = frozenset({"published", "duplicate", "spooled"})


class _Item(Struct, frozen=True):
    """A notification and its place among all, from 0."""

    index: int
    notification: Sourced


_Posted = Callable[[_Item, int, bytes], None]
_Waiting = asyncio.Queue[_Item | OSError | None]  # None: there are no more


class _Posting(Struct, frozen=True, kw_only=True):
    url: str
    sign_key: str
    sign_in: SignIn
    concurrency: int
    skip: int


class _Tally(Struct, kw_only=True):
    """What was posted. ``skip`` is how many at the beginning were, without a gap, those skipped included."""

    skip: int
    endings: Counter[str] = msgspec.field(default_factory=Counter)
    problems: int = 0
    stopped: str = ""
    ahead: set[int] = msgspec.field(default_factory=set)

    def answered(self, index: int, ending: str) -> None:
        """Count one; several are under way at once, and the first to begin need not be the first to end."""
        self.endings[ending] += 1
        self.ahead.add(index)
        while self.skip in self.ahead:
            self.ahead.remove(self.skip)
            self.skip += 1


class _Summary(Struct):
    posted: int
    endings: dict[str, int]
    seconds: float
    stopped: str
    skip: int


def send(  # noqa: PLR0913 - one parameter is one option of the command
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Files, folders (their *.json, *.jsonl, *.ndjson), or - for standard input.",
            show_default=False,
        ),
    ],
    *,
    url: Annotated[
        str, typer.Option(help="The callback URL, with application and token where there are any.")
    ] = "http://127.0.0.1:8080/callbacks",
    sign_key: Annotated[
        str,
        typer.Option(
            envvar="VOD_SIGN_KEY",
            help="Sign each post with this SignKey. Other users of the machine see command lines:"
            " --sign-key-file, or the variable, does not show it.",
            show_default=False,
        ),
    ] = "",
    sign_key_file: Annotated[
        Path | None, typer.Option(help="Sign each post with the SignKey in this file.", show_default=False)
    ] = None,
    sign_in: Annotated[SignIn, typer.Option(help="Where the signature travels.")] = SignIn.BODY,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Posts under way at once.")] = 16,
    skip: Annotated[int, typer.Option(min=0, metavar="N", help="Leave out the first N notifications.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one line of JSON.")] = False,
) -> None:
    """Post notifications to a bridge: a file, a folder, JSON lines, or whole pull answers.

    A PullEvents answer is split into its notifications, each with its bytes as they are.

    Stopped by Ctrl-C it says how it goes on. To send all again is safe, too: repeats end as duplicates.

    Ends with 1 when something was neither published, duplicate nor spooled.

    Example: vod-bridge send captured/ --url https://bridge.example/callbacks/shop --sign-key-file key
    """
    sign_key = sign_key_of(sign_key, sign_key_file)
    if not url.startswith(("http://", "https://")):
        fail(f"--url {url_shown(url)}: must begin with http:// or https://", USED_WRONGLY)
    files = _files(paths)
    posting = _Posting(url=url, sign_key=sign_key, sign_in=sign_in, concurrency=concurrency, skip=skip)
    began = time.monotonic()
    tally = _run(posting, files)
    _conclude(tally, time.monotonic() - began, as_json=as_json)


def _files(paths: Sequence[Path]) -> Sequence[Path]:
    absent = [path for path in paths if path != STDIN and not path.exists()]
    if absent:
        fail(f"{absent[0]}: there is no such file or folder", USED_WRONGLY)
    files = files_of(paths)
    if not files:
        fail(f"{paths[0]}: no *.json, *.jsonl or *.ndjson file in it", USED_WRONGLY)
    return files


def _run(posting: _Posting, files: Sequence[Path]) -> _Tally:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    tally = _Tally(skip=posting.skip)
    began = time.monotonic()
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
        # How many there are is only known at the end of the files, but how many bytes.
        task = progress.add_task("", total=size_of(files), rate="0")

        def skipped(notification: Sourced) -> None:
            progress.update(task, advance=len(notification.body) + _LINE_END)

        def posted(item: _Item, status: int, answer: bytes) -> None:
            _count(tally, console, item, status, answer)
            words = "  ".join(f"{ending} {count}" for ending, count in tally.endings.items())
            rate = f"{tally.endings.total() / max(time.monotonic() - began, _SOON_S):.0f}"
            read = len(item.notification.body) + _LINE_END
            progress.update(task, advance=read, description=words, rate=rate)

        try:
            asyncio.run(_post_all(posting, _read(files, posting.skip, skipped), posted))
        except* _Stopped as stopped:
            tally.stopped = str(stopped.exceptions[0])
        except* KeyboardInterrupt:
            tally.stopped = "interrupted"
    return tally


def _read(files: Sequence[Path], skip: int, skipped: Callable[[Sourced], None]) -> Iterator[_Item]:
    """Read all notifications but the first ``skip``."""
    for index, notification in enumerate(notifications_of(files)):
        if index < skip:
            skipped(notification)
        else:
            yield _Item(index, notification)


class _Stopped(Exception):  # noqa: N818 - it says what happened, not that something broke
    """Going on would post into the void, or there is nothing that can be read any more."""


async def _post_all(posting: _Posting, found: Iterator[_Item], posted: _Posted) -> None:
    waiting: _Waiting = asyncio.Queue()
    room = threading.Semaphore(posting.concurrency)
    loop = asyncio.get_running_loop()

    def put(item: _Item | OSError | None) -> None:
        room.acquire()
        with suppress(RuntimeError):  # the loop is closed: nobody waits for this any more
            loop.call_soon_threadsafe(waiting.put_nowait, item)

    def read() -> None:
        try:
            for item in found:
                put(item)
        except OSError as error:
            put(error)
        put(None)

    # A daemon: a terminal that nobody types into must not keep the program from ending.
    threading.Thread(target=read, daemon=True).start()
    timeout = aiohttp.ClientTimeout(total=_ANSWER_WITHIN_S)
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
        asyncio.TaskGroup() as all_,
    ):
        for _ in range(posting.concurrency):
            all_.create_task(_post_each(posting, session, waiting, room, posted))


async def _post_each(
    posting: _Posting,
    session: aiohttp.ClientSession,
    waiting: _Waiting,
    room: threading.Semaphore,
    posted: _Posted,
) -> None:
    while (item := await waiting.get()) is not None:
        room.release()
        if isinstance(item, OSError):
            raise _Stopped(f"cannot read {item.filename or 'a file'}: {item.strerror}")
        body, query = signed(item.notification.body, posting.sign_key, posting.sign_in)
        try:
            async with session.post(posting.url, data=body, params=query, headers=_JSON) as answer:
                posted(item, answer.status, await answer.read())
        except aiohttp.ClientConnectorError as error:
            raise _Stopped(
                f"nothing answers at {url_shown(posting.url)} ({error.os_error.strerror or error}):"
                " is the bridge running? `vod-bridge dev` starts one on this machine"
            ) from None
        except aiohttp.InvalidURL:
            raise _Stopped(f"--url {url_shown(posting.url)}: is no URL") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            posted(item, 0, str(error).encode())
    waiting.put_nowait(None)  # the next one ends too


def _count(tally: _Tally, console: Console, item: _Item, status: int, answer: bytes) -> None:
    ending = plain(_ending_of(status, answer))[:_ENDING_MAX]
    tally.answered(item.index, ending)
    if ending in _WELL:
        return
    tally.problems += 1
    if tally.problems <= _PROBLEMS_SHOWN:
        console.print(f"{plain(item.notification.origin)}: ", answer_line(status, answer), sep="")
    elif tally.problems == _PROBLEMS_SHOWN + 1:
        console.print("further problems are only counted")


def _ending_of(status: int, answer: bytes) -> str:
    if not status:
        return "unanswered"
    try:
        said = msgspec.json.decode(answer, type=dict[str, msgspec.Raw]).get("outcome", msgspec.Raw(b'""'))
        return msgspec.json.decode(said, type=str) or f"refused {status}"
    except msgspec.MsgspecError:
        return f"refused {status}"


def _conclude(tally: _Tally, seconds: float, *, as_json: bool) -> None:
    posted = tally.endings.total()
    if as_json:
        summary = _Summary(posted, dict(tally.endings), round(seconds, 3), tally.stopped, tally.skip)
        typer.echo(json_escaped(msgspec.json.encode(summary).decode()))
    else:
        endings = ", ".join(f"{count} {ending}" for ending, count in tally.endings.most_common())
        typer.echo(f"{posted} posted in {seconds:.1f} s: {endings}" if posted else "nothing was posted")
    if tally.stopped:
        on = f"; --skip {tally.skip} goes on from there" if tally.skip else ""
        fail(f"stopped after {posted}: {tally.stopped}{on}" if posted else tally.stopped)
    if not set(tally.endings) <= _WELL:
        raise typer.Exit(FAILED)
