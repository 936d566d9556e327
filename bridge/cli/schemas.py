"""``vod-bridge schemas``: what the events look like: lists the schemas, prints one, exports all.

The texts are those of the folder `schemas` of the project; names and topics in them are put as they are set.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.text import Text

from bridge.cli.ending import USED_WRONGLY, ConfigFile, fail
from bridge.cli.offline import routing_in_force
from bridge.core.catalogue import EVENT_TYPES
from bridge.core.plural import counted
from bridge.core.record import Routing

_DOCUMENT = "asyncapi"
_ADDRESS = re.compile(r"^( +address: )(\S+)$", re.MULTILINE)
_OF_APPLICATIONS = """
    parameters:
      app:
        description: The name of the VOD application."""


class _Entry(Struct, frozen=True):
    """A schema: its name, the topics whose records it describes, its ``$id``."""

    type: str
    topic: str
    schema: str


def schemas(
    name: Annotated[
        str,
        typer.Argument(
            metavar="TYPE",
            help="Print this one; `asyncapi` for the description of all topics.",
            show_default=False,
        ),
    ] = "",
    *,
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="List them as JSON.")] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write all to a folder, asyncapi.yaml too.", show_default=False),
    ] = None,
) -> None:
    """List the schemas of what is published, print one, or export all.

    Topics and names are those of the settings kafka.topic and schemas.base_uri.

    Example: vod-bridge schemas TranscodeComplete
    """
    routing = routing_in_force(config)
    if name and export:
        fail("either a type or --export", USED_WRONGLY)
    if name:
        _print(name.removesuffix(".v1"), routing)
    elif export:
        _export(export, routing)
    elif as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(list(_entries(routing))), indent=2))
    else:
        _show(list(_entries(routing)))


def _entries(routing: Routing) -> Iterator[_Entry]:
    topics = {row.name: routing.topic.replace("{type}", row.name) for row in EVENT_TYPES}
    topics |= {
        "event": routing.topic_other,
        "headers": "",
        "dead-letter": routing.topic_dead_letter,
    }
    for name, topic in topics.items():
        yield _Entry(name, topic, _id(name, routing))


def _id(name: str, routing: Routing) -> str:
    return f"{routing.schema_base_uri}{name}.v1"


def _show(entries: list[_Entry]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    types = max(len(entry.type) for entry in entries) + 2
    topics = max(len(entry.topic) for entry in entries) + 2
    console.print(Text.assemble("type".ljust(types), "topic".ljust(topics), "schema", style="dim"))
    for entry in entries:
        line = Text.assemble(
            (entry.type.ljust(types), "bold"), entry.topic.ljust(topics), (entry.schema, "cyan")
        )
        console.print(line)


def _print(name: str, routing: Routing) -> None:
    names = [*(entry.type for entry in _entries(routing)), _DOCUMENT]
    if name not in names:
        near = get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"; is it {near[0]}?" if near else ""
        fail(f"no schema is called {name!r}{hint} (`vod-bridge schemas` lists them)", USED_WRONGLY)
    typer.echo(_document(routing) if name == _DOCUMENT else _schema(name, routing), nl=False)


def _export(folder: Path, routing: Routing) -> None:
    written = {f"{entry.type}.v1.schema.json": _schema(entry.type, routing) for entry in _entries(routing)}
    written["asyncapi.yaml"] = _document(routing)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in written.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{folder} cannot be written to: {error.strerror or error}")
    typer.echo(f"{counted(len(written), 'file')} in {folder}")


def _schema(name: str, routing: Routing) -> str:
    schema: dict[str, Any] = msgspec.json.decode(_text(f"{name}.v1.schema.json"))
    schema["$id"] = _id(name, routing)
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def _document(routing: Routing) -> str:
    text = _text("asyncapi.yaml").replace(Routing().schema_base_uri, routing.schema_base_uri)
    topics = dict(
        zip(
            (entry.topic for entry in _entries(Routing())),
            (entry.topic for entry in _entries(routing)),
            strict=True,
        )
    )

    def address(found: re.Match[str]) -> str:
        topic = topics[found[2]]
        spelled = topic if topic == found[2] else f"'{topic}'"  # 123 and null are topics, too
        return f"{found[1]}{spelled}{_OF_APPLICATIONS if '{app}' in topic else ''}"

    return _ADDRESS.sub(address, text)


def _text(file: str) -> str:
    return files("bridge").joinpath("schemas", file).read_text(encoding="utf-8")
