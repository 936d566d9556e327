"""What a replay is asked for: whether that can be meant, and how it is done: looked at, asked about, run."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from msgspec import Struct

from bridge.cli import replay_files, replay_letters, replay_range
from bridge.cli.ending import USED_WRONGLY, fail, settings_of
from bridge.cli.kafka import read_cluster
from bridge.cli.moments import moment
from bridge.cli.replay_report import Tally, Teller, conclude, telling
from bridge.cli.replay_work import Stopped, Work, interruptible
from bridge.cli.sources import STDIN, files_of
from bridge.cli.stretch import Span
from bridge.cli.terminal import mask_inside
from bridge.cli.trouble import hush_library, trouble_of
from bridge.diagnostics.redis import diagnose
from bridge.io.kafka.client import kafka_options
from bridge.observability.logging import configure_logging
from bridge.settings.settings import Settings
from bridge.wiring import now_ms

_ASKED_ABOVE = 1_000


class Source(Struct, frozen=True):
    """What is replayed: one of the first three."""

    paths: Sequence[Path]
    topic: str
    dead_letters: bool
    skip: int


class Only(Struct, frozen=True):
    """What of it."""

    reasons: Sequence[str]
    apps: Sequence[str]
    since: str
    until: str


class How(Struct, frozen=True):
    """Where to, and past what."""

    to: str
    republish: bool
    again: bool
    without_dedup: bool
    group: str


class Asked(Struct, frozen=True):
    """All of what was typed that says what is done."""

    source: Source
    only: Only
    how: How


def do(asked: Asked, config: Path | None, *, as_json: bool, run: bool, yes: bool) -> None:
    """Do what is asked, or only tell what would be done; ends the command."""
    hush_library()
    settings = settings_of(config)
    work = _work(asked, settings)
    configure_logging("error", "console", sys.stderr, mask=mask_inside)
    tally = Tally(what=work.what, dry_run=not (run or yes))
    if not tally.dry_run:
        if not asked.source.topic and not asked.how.without_dedup:
            _want_redis(settings)
        if not yes:
            _ask(work, settings)
    with telling(tally) as teller:
        tally.stopped = _tried(work, teller, settings)
    if tally.stopped and not tally.dry_run:
        tally.again = work.again
    conclude(tally, as_json=as_json)


def _tried(work: Work, teller: Teller, settings: Settings) -> str:
    """Look at all of it, or do it; tell why it stopped, if so."""
    try:
        if teller.tally.dry_run:
            asyncio.run(work.plan(teller))
        else:
            asyncio.run(_run(work, teller))
    except Stopped as stopped:
        return str(stopped)
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        return str(asyncio.run(trouble_of(kafka_options(settings.kafka), error)))
    return ""


async def _run(work: Work, teller: Teller) -> None:
    async with interruptible() as enough:
        await work.run(teller, enough)


def _want_redis(settings: Settings) -> None:
    """End where nothing would be deduplicated."""
    found = asyncio.run(diagnose(settings.redis))
    if found:
        fail(f"Redis at {found[1]}; --without-dedup goes on without it, and may publish repeats")


def _ask(work: Work, settings: Settings) -> None:
    """Ask before more than a thousand; where nobody can be asked, end."""
    count = _count(work, settings)
    if not count:
        return
    if not sys.stdin.isatty():
        fail(f"{count} {work.what}: --yes replays them without asking", USED_WRONGLY)
    if not typer.confirm(f"replay {count} {work.what}?", err=True):
        fail("nothing was replayed")


def _count(work: Work, settings: Settings) -> str:
    """Say how many there are, where they are more than a thousand."""
    if isinstance(work, replay_files.Files):
        return f"more than {_ASKED_ABOVE}" if work.more_than(_ASKED_ABOVE) else ""
    tally = Tally(what=work.what, dry_run=True)
    with telling(tally, quiet=True) as teller:
        if why := _tried(work, teller, settings):
            fail(why)
    return str(tally.looked_at) if tally.looked_at > _ASKED_ABOVE else ""


def _work(asked: Asked, settings: Settings) -> Work:
    """Choose the kind of replay; what cannot be meant ends the command."""
    source, only, how = asked.source, asked.only, asked.how
    if sum((bool(source.paths), source.dead_letters, bool(source.topic))) != 1:
        fail("one of --dead-letters, --topic or files, please", USED_WRONGLY)
    _refuse("--reason", only.reasons, "--dead-letters", meant=source.dead_letters)
    _refuse("--to", how.to, "--topic", meant=source.topic)
    _refuse("--republish", how.republish, "--topic", meant=source.topic)
    _refuse("--skip", source.skip, "files", meant=source.paths)
    _refuse("--since and --until", only.since or only.until, "topics", meant=not source.paths)
    _refuse("--again", how.again, "topics", meant=not source.paths)
    _refuse("--without-dedup", how.without_dedup, "dead letters and files", meant=not source.topic)
    if source.topic:
        return _range(asked, settings)
    unknown = [app for app in only.apps if app not in settings.applications()]
    if unknown:
        fail(
            f"--app {unknown[0]}: not configured; there is {', '.join(settings.applications())}",
            USED_WRONGLY,
        )
    return _dead_letters(asked, settings) if source.dead_letters else _files(asked, settings)


def _refuse(option: str, given: object, with_what: str, *, meant: object) -> None:
    if given and not meant:
        fail(f"{option}: only with {with_what}", USED_WRONGLY)


def _dead_letters(asked: Asked, settings: Settings) -> Work:
    wish = replay_letters.Wish(
        reasons=asked.only.reasons,
        apps=asked.only.apps,
        span=_span(asked.only, now_ms()),
        group=asked.how.group,
        again=asked.how.again,
        unchecked=asked.how.without_dedup,
    )
    return replay_letters.DeadLetters(settings, wish)


def _files(asked: Asked, settings: Settings) -> Work:
    absent = [path for path in asked.source.paths if path != STDIN and not path.exists()]
    if absent:
        fail(f"{absent[0]}: there is no such file or folder", USED_WRONGLY)
    files = files_of(asked.source.paths)
    if not files:
        fail(f"{asked.source.paths[0]}: no *.json, *.jsonl or *.ndjson file in it", USED_WRONGLY)
    apps = asked.only.apps or list(settings.applications())
    if len(apps) != 1:
        fail(f"--app: whose notifications are they? One of {', '.join(apps)}", USED_WRONGLY)
    wish = replay_files.Wish(
        files=files, app=apps[0], skip=asked.source.skip, unchecked=asked.how.without_dedup
    )
    return replay_files.Files(settings, wish)


def _range(asked: Asked, settings: Settings) -> Work:
    topic, to, how = asked.source.topic, asked.how.to, asked.how
    dead_letters = settings.kafka.topic_dead_letter
    if bool(to) == how.republish:
        fail("where to? Either --to TOPIC or --republish", USED_WRONGLY)
    if topic == dead_letters:
        fail(f"--topic {topic}: these are dead letters; --dead-letters replays them", USED_WRONGLY)
    if to == dead_letters:
        fail(f"--to {to}: is the topic of dead letters", USED_WRONGLY)
    if to == topic:
        fail(f"--to {to}: is the topic itself; --republish says so", USED_WRONGLY)
    if not asked.only.since:
        fail("--since: from when on?", USED_WRONGLY)
    now = now_ms()
    span = _span(asked.only, now)
    wish = replay_range.Wish(
        topic=topic,
        to=to or topic,
        span=Span(span.since_ms, now if span.until_ms is None else span.until_ms),
        apps=asked.only.apps,
        group=how.group,
        again=how.again,
    )
    _want_topics([topic, to or topic], settings)
    return replay_range.Range(settings, wish)


def _want_topics(topics: Sequence[str], settings: Settings) -> None:
    options = kafka_options(settings.kafka)
    try:
        cluster = asyncio.run(read_cluster(options))
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(asyncio.run(trouble_of(options, error))))
    absent = [topic for topic in topics if topic not in cluster.topics]
    if absent:
        fail(f"{absent[0]}: there is no such topic")


def _span(only: Only, now: int) -> Span:
    since = moment("--since", only.since, now) if only.since else None
    until = moment("--until", only.until, now) if only.until else None
    if since is not None and since >= (now if until is None else until):
        fail(f"--since {only.since}: must be before {only.until or 'now'}", USED_WRONGLY)
    return Span(since, until)
