"""``vod-bridge help``: the help of all, or of one command."""

from typing import Annotated

import typer


def show_help(
    ctx: typer.Context,
    command: Annotated[
        str, typer.Argument(metavar="COMMAND", help="Of this command.", show_default=False)
    ] = "",
) -> None:
    """Show the help of all, or of one command.

    Example: vod-bridge help replay
    """
    root = ctx.find_root()
    if not command:
        typer.echo(root.get_help())
        return
    _, command_object, _ = root.command.resolve_command(root, [command])  # type: ignore[attr-defined] # it is the group
    with command_object.make_context(command, [], parent=root, resilient_parsing=True) as command_ctx:
        typer.echo(command_object.get_help(command_ctx))
