"""``vod-bridge tail``: watch the topics, one line an event."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from msgspec import Struct
from rich.console import Console

from bridge.cli.drawing import Seen, event_line, json_line
from bridge.cli.ending import ConfigFile, fail, settings_of
from bridge.cli.topics import expected_topics
from bridge.cli.trouble import hush_library, trouble_of
from bridge.cli.watch import watching
from bridge.links import kafka_options


class _Wish(Struct, frozen=True, kw_only=True):
    types: Sequence[str]
    apps: Sequence[str]
    from_beginning: bool
    most: int

    def wants(self, seen: Seen) -> bool:
        return (not self.types or seen.type in self.types) and (not self.apps or seen.app in self.apps)


def tail(  # noqa: PLR0913 - one parameter is one option of the command
    *,
    config: ConfigFile = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only this EventType; may be repeated.")
    ] = None,
    apps: Annotated[
        list[str] | None, typer.Option("--app", help="Only this application; may be repeated.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line: where it stands, headers, value.")
    ] = False,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Begin with what is there; else with what comes.")
    ] = False,
    most: Annotated[
        int, typer.Option("--max", min=0, help="End after so many; 0 = go on until Ctrl-C.", metavar="N")
    ] = 0,
) -> None:
    """Watch the topics, one line an event: time, type, application, outcome, file and task, errors.

    Dead letters are shown with their reason.

    Example: vod-bridge tail --type TranscodeComplete --from-beginning --max 20
    """
    hush_library()
    settings = settings_of(config)
    options = kafka_options(settings.kafka)
    wish = _Wish(types=types or (), apps=apps or (), from_beginning=from_beginning, most=most)
    console = Console(highlight=False, soft_wrap=True)

    def show(seen: Seen) -> None:
        if as_json:
            typer.echo(json_line(seen))
        else:
            console.print(event_line(seen))

    try:
        asyncio.run(_tail(options, expected_topics(settings), wish, show))
    except BrokenPipeError:
        raise typer.Exit from None  # whoever read this, `head` for one, has enough
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(asyncio.run(trouble_of(options, error))))


async def _tail(
    options: dict[str, Any], expected: Sequence[str], wish: _Wish, show: Callable[[Seen], None]
) -> None:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    shown = 0
    try:
        async with watching(options, expected, from_beginning=wish.from_beginning) as watch:
            if not watch.topics:
                typer.echo("none of the topics exists yet: `vod-bridge topics --create` makes them", err=True)
            async for seen in watch.records():
                if wish.wants(seen):
                    show(seen)
                    shown += 1
                if shown == wish.most > 0:
                    return
    except asyncio.CancelledError:
        return  # Ctrl-C is how this command ends well
