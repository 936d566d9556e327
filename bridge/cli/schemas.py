"""``vod-bridge schemas``: lists the schemas of the events, prints one, exports or registers all.

The texts are those of the folder `bridge/schemas`, with the names and topics of the settings.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct, structs
from rich.console import Console
from rich.text import Text

from bridge.cli.schema_options import (
    CaFile,
    Draft,
    DraftSent,
    DryRun,
    ExportFolder,
    IdsFile,
    LoginFile,
    Mode,
    RegistrationOptions,
    RegistryUrl,
    SubjectTemplate,
    TokenFile,
)
from bridge.cli.support.exit import EXIT_USAGE, ConfigFile, fail
from bridge.cli.support.offline_settings import effective_applications, effective_routing
from bridge.core.catalogue import EVENT_TYPES
from bridge.core.plural import counted
from bridge.core.record import Routing

_ASYNCAPI = "asyncapi"
_ADDRESS_LINE = re.compile(r"^( +address: )(\S+)$", re.MULTILINE)
_APP_PARAMETER = """
    parameters:
      app:
        description: The name of the VOD application."""


class _SchemaEntry(Struct, frozen=True):
    """A schema: its name, the topics whose records it describes, its ``$id``."""

    type: str
    topic: str
    schema: str


def schemas(  # noqa: PLR0913 - an option each
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
    export: ExportFolder = None,
    register: RegistryUrl = "",
    ids: IdsFile = None,
    dry_run: DryRun = False,
    subject: SubjectTemplate = "{topic}-value",
    compatibility: Mode = None,
    draft: DraftSent = Draft.D07,
    ca: CaFile = None,
    login_file: LoginFile = None,
    token_file: TokenFile = None,
) -> None:
    """List the schemas of what is published, print one, export or register all.

    Topics and names are those of the settings kafka.topic and schemas.base_uri.

    To register them again changes nothing. Ends with 1 where the registry refuses one as incompatible.

    Example: vod-bridge schemas TranscodeComplete

    Example: vod-bridge schemas --register https://registry.example --login-file login --dry-run
    """
    routing = effective_routing(config)
    if bool(name) + bool(export) + bool(register) > 1:
        fail("one of a type, --export and --register", EXIT_USAGE)
    _refuse_without_register(register, ids, dry_run=dry_run)
    if register:
        options = RegistrationOptions(register, subject, compatibility, draft, ca=ca, ids=ids)
        options = structs.replace(options, login_file=login_file, token_file=token_file)
        options = structs.replace(options, dry_run=dry_run, as_json=as_json)
        _register(options, routing, config)
    elif name:
        _print_schema(name.removesuffix(".v1"), routing)
    elif export:
        _export(export, routing)
    elif as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(list(_entries(routing))), indent=2))
    else:
        _print_table(list(_entries(routing)))


def _refuse_without_register(url: str, ids: Path | None, *, dry_run: bool) -> None:
    if dry_run and not url:
        fail("--dry-run is for --register", EXIT_USAGE)
    if ids and (dry_run or not url):
        fail("--ids is for --register, without --dry-run", EXIT_USAGE)


def _register(options: RegistrationOptions, routing: Routing, config: Path | None) -> None:
    from bridge.cli.schema_registration import NamedSchema, register_and_exit  # noqa: PLC0415 - a list needs no HTTP

    named = [
        NamedSchema(entry.type, entry.topic, _schema_document(entry.type, routing))
        for entry in _entries(routing)
    ]
    register_and_exit(options, named, sorted(effective_applications(config)))


def _entries(routing: Routing) -> Iterator[_SchemaEntry]:
    topics = {row.name: routing.topic.replace("{type}", row.name) for row in EVENT_TYPES}
    topics |= {
        "event": routing.topic_other,
        "headers": "",
        "dead-letter": routing.topic_dead_letter,
    }
    for name, topic in topics.items():
        yield _SchemaEntry(name, topic, _schema_id(name, routing))


def _schema_id(name: str, routing: Routing) -> str:
    return f"{routing.schema_base_uri}{name}.v1"


def _print_table(entries: list[_SchemaEntry]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    types = max(len(entry.type) for entry in entries) + 2
    topics = max(len(entry.topic) for entry in entries) + 2
    console.print(Text.assemble("type".ljust(types), "topic".ljust(topics), "schema", style="dim"))
    for entry in entries:
        line = Text.assemble(
            (entry.type.ljust(types), "bold"), entry.topic.ljust(topics), (entry.schema, "cyan")
        )
        console.print(line)


def _print_schema(name: str, routing: Routing) -> None:
    names = [*(entry.type for entry in _entries(routing)), _ASYNCAPI]
    if name not in names:
        suggestions = get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"; is it {suggestions[0]}?" if suggestions else ""
        fail(f"no schema is called {name!r}{hint} (`vod-bridge schemas` lists them)", EXIT_USAGE)
    typer.echo(_asyncapi_text(routing) if name == _ASYNCAPI else _schema_text(name, routing), nl=False)


def _export(folder: Path, routing: Routing) -> None:
    written = {
        f"{entry.type}.v1.schema.json": _schema_text(entry.type, routing) for entry in _entries(routing)
    }
    written["asyncapi.yaml"] = _asyncapi_text(routing)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in written.items():
            (folder / file).write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{folder} cannot be written to: {error.strerror or error}")
    typer.echo(f"{counted(len(written), 'file')} in {folder}")


def _schema_text(name: str, routing: Routing) -> str:
    schema = _schema_document(name, routing)
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


def _schema_document(name: str, routing: Routing) -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.decode(_text(f"{name}.v1.schema.json"))
    schema["$id"] = _schema_id(name, routing)
    return schema


def _asyncapi_text(routing: Routing) -> str:
    text = _text("asyncapi.yaml").replace(Routing().schema_base_uri, routing.schema_base_uri)
    topics = dict(
        zip(
            (entry.topic for entry in _entries(Routing())),
            (entry.topic for entry in _entries(routing)),
            strict=True,
        )
    )

    def replace_address(found: re.Match[str]) -> str:
        topic = topics[found[2]]
        quoted = topic if topic == found[2] else f"'{topic}'"  # 123 and null are topics, too
        return f"{found[1]}{quoted}{_APP_PARAMETER if '{app}' in topic else ''}"

    return _ADDRESS_LINE.sub(replace_address, text)


def _text(file: str) -> str:
    return files("bridge").joinpath("schemas", file).read_text(encoding="utf-8")
