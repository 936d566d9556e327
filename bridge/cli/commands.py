"""All commands by name. Only the command that is run is imported: a start costs what that command needs."""

import errno
import gc
from functools import partial
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from bridge import __version__
from bridge.cli.interpreter import describe_interpreter
from bridge.cli.support.output import configure_output, exit_disk_full

PROGRAM = "vod-bridge"
# What is imported stays: with Python's own threshold the collector took a tenth of a start, for nothing.
_GC_THRESHOLD = 100_000
_HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class CommandEntry(NamedTuple):
    """A command before it is imported: its function in ``module``, and the first line of its help."""

    module: str
    function: str
    summary: str


COMMANDS = {
    "serve": CommandEntry("bridge.cli.serve", "serve", "Run the bridge until SIGTERM or Ctrl-C."),
    "dev": CommandEntry(
        "bridge.cli.dev",
        "dev",
        "Try the bridge on this machine: an embedded Kafka, a Redis, the bridge,"
        " and four notifications posted.",
    ),
    "check": CommandEntry(
        "bridge.cli.check.command",
        "check",
        "Check settings, connections, topics, permissions, and the vendor's side of what is pulled.",
    ),
    "topics": CommandEntry(
        "bridge.cli.topics",
        "topics",
        "List the topics that the bridge writes to, and create the missing ones.",
    ),
    "send": CommandEntry(
        "bridge.cli.send",
        "send",
        "Post notifications to a bridge: examples, a file, a folder, JSON lines, or whole pull answers.",
    ),
    "tail": CommandEntry(
        "bridge.cli.tail",
        "tail",
        "Watch the topics, one line an event: time, type, application, outcome, file and task, errors.",
    ),
    "record": CommandEntry(
        "bridge.cli.record",
        "record",
        "Save the notification of a record in a file, to be sent again by its name.",
    ),
    "fire": CommandEntry(
        "bridge.cli.fire",
        "fire",
        "Send recorded notifications again, by their names.",
    ),
    "find": CommandEntry(
        "bridge.cli.find",
        "find",
        "Find the records of a file, task, event or session over all topics, the newest first.",
    ),
    "top": CommandEntry(
        "bridge.cli.top",
        "top",
        "Show how a running bridge is: state, rate, durations, outcomes, spool, applications.",
    ),
    "drain": CommandEntry(
        "bridge.cli.drain",
        "drain",
        "Empty a spool folder into Kafka, in order, where the process that filled it is gone.",
    ),
    "audit": CommandEntry(
        "bridge.cli.audit.command",
        "audit",
        "Compare the vendor's finished tasks with Kafka; name those without an event, and bring them in.",
    ),
    "vendor": CommandEntry(
        "bridge.cli.vendor",
        "vendor",
        "Show how an application is set up at the vendor: mode, callback URL, events; change it with --set.",
    ),
    "schemas": CommandEntry(
        "bridge.cli.schemas",
        "schemas",
        "List the schemas of what is published, print one, export or register all.",
    ),
    "replay": CommandEntry(
        "bridge.cli.replay.command",
        "replay",
        "Replay dead letters, files of notifications, or a time range of a topic.",
    ),
    "explain": CommandEntry(
        "bridge.cli.explain",
        "explain",
        "Show what the bridge would make of a notification, and why: type, id, outcome, topic, key, repairs.",
    ),
    "mcp": CommandEntry(
        "bridge.cli.mcp",
        "mcp",
        "Serve tools to an agent by the Model Context Protocol, over standard input and output.",
    ),
    "help": CommandEntry("bridge.cli.help", "show_help", "Show the help of all, or of one command."),
}


class Command(TyperCommand):
    """A command whose help shows an option's type, and nothing for a switch."""

    def get_params(self, ctx: Any) -> Any:  # noqa: ANN401 - the library's own types are private
        """Return all parameters, ``--help`` included."""
        return [_with_plain_type(one) for one in super().get_params(ctx)]


class LazyGroup(TyperGroup):
    """The group of all commands. Listing reads `COMMANDS`; only a command that is run is imported."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - the library's
        super().__init__(**options)
        self.commands = {name: TyperCommand(name, help=one.summary) for name, one in COMMANDS.items()}

    def get_params(self, ctx: Any) -> Any:  # noqa: ANN401 - the library's own types are private
        """Give all parameters, ``--help`` included."""
        return [_with_plain_type(one) for one in super().get_params(ctx)]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - the library's own types are private
        """Find the command that the first argument names, and import it."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and load_command(str(name)), rest


def load_command(name: str) -> Any:  # noqa: ANN401 - the library's own types are private
    """Import one of `COMMANDS` and return it as a click command."""
    entry = COMMANDS[name]
    single_command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single_command.command(name, cls=Command)(getattr(import_module(entry.module), entry.function))
    return get_command(single_command)


def _with_plain_type(parameter: Any) -> Any:  # noqa: ANN401 - the library's own types are private
    """Show <str> for an option that may be repeated, and nothing for a switch."""
    if isinstance(parameter, TyperArgument):
        parameter.display_type_rich = lambda ctx: ""  # type: ignore[method-assign] # noqa: ARG005 - its name says it
    elif isinstance(parameter, TyperOption) and parameter.metavar is None:
        parameter.display_type_rich = partial(_plain_type, parameter)  # type: ignore[method-assign]
    return parameter


def _plain_type(option: TyperOption, ctx: Any) -> str:  # noqa: ANN401 - the library's own types are private
    if option.is_flag:
        return ""
    type_name = option.display_type(ctx).removesuffix(" range>").strip("<>")
    return f"<{type_name.removeprefix('list[').removesuffix(']')}>"


app = typer.Typer(
    name=PROGRAM,
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_HELP_OPTIONS,
)


def _show_version(is_requested: bool) -> None:  # noqa: FBT001 - typer's callback
    if is_requested:
        typer.echo(f"{PROGRAM} {__version__}")
        typer.echo(describe_interpreter())
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show version and Python."),
    ] = False,
) -> None:
    """Tencent Cloud VOD event notifications, on Kafka, in one canonical shape, duplicates removed."""


def main() -> None:
    """Run the command line."""
    gc.set_threshold(_GC_THRESHOLD)
    configure_output()
    try:
        app(prog_name=PROGRAM)  # click exits with 1, silently, on a broken pipe
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        exit_disk_full(error)
