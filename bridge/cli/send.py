"""``vod-bridge send``: post notifications from files to a bridge, and say how each ended."""

import asyncio
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import aiohttp
import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bridge.cli.drawing import answer_line, plain
from bridge.cli.ending import FAILED, USED_WRONGLY, fail
from bridge.cli.sources import STDIN, Sourced, files_of, notifications_of, size_of

# The door is silent for 6 s about what it cannot make durable; much longer than that is no answer at all.
_ANSWER_WITHIN_S = 30
_SIGNED_FOR_S = 600
_PROBLEMS_SHOWN = 20
_JSON = {"Content-Type": "application/json"}
_WELL = frozenset({"published", "duplicate", "spooled"})

_Posted = Callable[[Sourced, int, bytes], None]
_Waiting = asyncio.Queue[Sourced | OSError | None]  # None: there are no more


class SignIn(StrEnum):
    """Where a signature travels."""

    BODY = "body"
    QUERY = "query"


class _Posting(Struct, frozen=True, kw_only=True):
    url: str
    sign_key: str
    sign_in: SignIn
    concurrency: int


class _Tally(Struct, kw_only=True):
    endings: Counter[str] = msgspec.field(default_factory=Counter)
    problems: int = 0
    stopped: str = ""


class _Summary(Struct):
    posted: int
    endings: dict[str, int]
    seconds: float
    stopped: str


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
        str, typer.Option(envvar="VOD_SIGN_KEY", help="Sign each post with this SignKey.", show_default=False)
    ] = "",
    sign_in: Annotated[SignIn, typer.Option(help="Where the signature travels.")] = SignIn.BODY,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Posts under way at once.")] = 16,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as one line of JSON.")] = False,
) -> None:
    """Post notifications to a bridge: a file, a folder, JSON lines, or whole pull answers.

    A PullEvents answer is split into its notifications, each with its bytes as they are.

    Ends with 1 when something was neither published, duplicate nor spooled.

    Example: vod-bridge send captured/ --url https://bridge.example/callbacks/shop --sign-key "$KEY"
    """
    if not url.startswith(("http://", "https://")):
        fail(f"--url {url}: must begin with http:// or https://", USED_WRONGLY)
    absent = [path for path in paths if path != STDIN and not path.exists()]
    if absent:
        fail(f"{absent[0]}: there is no such file or folder", USED_WRONGLY)
    files = files_of(paths)
    if not files:
        fail(f"{paths[0]}: no *.json, *.jsonl or *.ndjson file in it", USED_WRONGLY)
    posting = _Posting(url=url, sign_key=sign_key, sign_in=sign_in, concurrency=concurrency)
    began = time.monotonic()
    tally = _run(posting, files)
    _conclude(tally, time.monotonic() - began, as_json=as_json)


def _run(posting: _Posting, files: Sequence[Path]) -> _Tally:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    tally = _Tally()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=size_of(files))

        def posted(notification: Sourced, status: int, answer: bytes) -> None:
            _count(tally, console, notification, status, answer)
            words = "  ".join(f"{ending} {count}" for ending, count in tally.endings.items())
            progress.update(task, advance=len(notification.body), description=words)

        try:
            asyncio.run(_post_all(posting, notifications_of(files), posted))
        except* _Stopped as stopped:
            tally.stopped = str(stopped.exceptions[0])
        except* KeyboardInterrupt:
            tally.stopped = "interrupted"
    return tally


class _Stopped(Exception):  # noqa: N818 - it says what happened, not that something broke
    """Going on would post into the void, or there is nothing that can be read any more."""


async def _post_all(posting: _Posting, found: Iterator[Sourced], posted: _Posted) -> None:
    waiting: _Waiting = asyncio.Queue()
    room = threading.Semaphore(posting.concurrency)
    loop = asyncio.get_running_loop()

    def put(item: Sourced | OSError | None) -> None:
        room.acquire()
        with suppress(RuntimeError):  # the loop is closed: nobody waits for this any more
            loop.call_soon_threadsafe(waiting.put_nowait, item)

    def read() -> None:
        try:
            for notification in found:
                put(notification)
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
    while (notification := await waiting.get()) is not None:
        room.release()
        if isinstance(notification, OSError):
            raise _Stopped(f"cannot read {notification.filename or 'a file'}: {notification.strerror}")
        body, query = signed(notification.body, posting.sign_key, posting.sign_in)
        try:
            async with session.post(posting.url, data=body, params=query, headers=_JSON) as answer:
                posted(notification, answer.status, await answer.read())
        except aiohttp.ClientConnectorError as error:
            raise _Stopped(
                f"nothing answers at {posting.url} ({error.os_error.strerror or error}):"
                " is the bridge running? `vod-bridge dev` starts one on this machine"
            ) from None
        except aiohttp.InvalidURL:
            raise _Stopped(f"--url {posting.url}: is no URL") from None
        except (aiohttp.ClientError, TimeoutError) as error:
            posted(notification, 0, str(error).encode())
    waiting.put_nowait(None)  # the next one ends too


def signed(body: bytes, sign_key: str, sign_in: SignIn = SignIn.BODY) -> tuple[bytes, dict[str, str]]:
    """Sign ``body`` as the vendor does, for 10 minutes; give it and the query to post it with.

    A body that is no JSON object is signed in the query. Without a key nothing is signed.
    """
    if not sign_key:
        return body, {}
    t = str(int(time.time()) + _SIGNED_FOR_S)
    sign = hashlib.md5(f"{sign_key}{t}".encode(), usedforsecurity=False).hexdigest()
    text = body.strip()
    if sign_in is SignIn.QUERY or not (text.startswith(b"{") and text.endswith(b"}")):
        return body, {"sign": sign, "t": t}
    # Last of all keys: where the file carries an old signature, a reader takes the later one.
    comma = b"" if not text[1:-1].strip() else b","
    return text[:-1] + comma + f'"Sign":"{sign}","T":{t}}}'.encode(), {}


def _count(tally: _Tally, console: Console, notification: Sourced, status: int, answer: bytes) -> None:
    ending = _ending_of(status, answer)
    tally.endings[ending] += 1
    if ending in _WELL:
        return
    tally.problems += 1
    if tally.problems <= _PROBLEMS_SHOWN:
        console.print(f"{plain(notification.origin)}: ", answer_line(status, answer), sep="")
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
        summary = _Summary(posted, dict(tally.endings), round(seconds, 3), tally.stopped)
        typer.echo(msgspec.json.encode(summary).decode())
    else:
        endings = ", ".join(f"{count} {ending}" for ending, count in tally.endings.most_common())
        typer.echo(f"{posted} posted in {seconds:.1f} s: {endings}" if posted else "nothing was posted")
    if tally.stopped:
        fail(f"stopped after {posted}: {tally.stopped}" if posted else tally.stopped)
    if not set(tally.endings) <= _WELL:
        raise typer.Exit(FAILED)
