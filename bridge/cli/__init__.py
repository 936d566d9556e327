"""The words a person types: one file a command, tied together here.

What the commands do lives in the bridge itself; here is what they say, and the codes they end with: 0 good,
1 failed, 2 used wrongly.
"""

from typing import Annotated

import typer

from bridge import __version__
from bridge.cli.audit import audit
from bridge.cli.check import check
from bridge.cli.dev import dev
from bridge.cli.drain import drain
from bridge.cli.explain import explain
from bridge.cli.replay import replay
from bridge.cli.schemas import schemas
from bridge.cli.send import send
from bridge.cli.serve import serve
from bridge.cli.tail import tail
from bridge.cli.topics import topics

app = typer.Typer(
    name="vod-bridge",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (serve, dev, check, topics, send, tail, drain, audit, schemas, replay, explain):
    app.command()(command)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer's callback
    if asked:
        typer.echo(f"vod-bridge {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Tencent Cloud VOD event notifications, on Kafka, in one canonical shape, once."""


def main() -> None:
    """Run the command line."""
    app(prog_name="vod-bridge")
