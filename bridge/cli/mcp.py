"""``vod-bridge mcp``: a server of the Model Context Protocol, for agents, over stdin and stdout."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from bridge.cli.support.exit import EXIT_USAGE, ConfigFile, fail, load_settings_or_exit
from bridge.settings.errors import mask_url

_AllowWrite = Annotated[
    bool,
    typer.Option(
        "--allow-write", help="Also offer the replay of dead letters and the creation of topics, dry first."
    ),
]
_ShowPayloads = Annotated[
    bool, typer.Option("--show-payloads", help="Show whole payloads; else ids and codes only.")
]
_Folders = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FOLDER",
        help="Files below it may be explained; may be repeated. Without it no file is read.",
        show_default=False,
    ),
]
_Url = Annotated[
    str,
    typer.Option(
        help="The admin port of the bridge; by default the one of the settings, on this machine.",
        show_default=False,
    ),
]


def mcp(
    *,
    allow_write: _AllowWrite = False,
    show_payloads: _ShowPayloads = False,
    files: _Folders = None,
    url: _Url = "",
    config: ConfigFile = None,
) -> None:
    """Serve tools to an agent by the Model Context Protocol, over standard input and output.

    Started by the agent's program; it ends with its standard input. It only reads, unless --allow-write.

    Needs the extra `mcp` of the package; where that is missing, the error names the command that installs it.

    Example: vod-bridge mcp --config bridge.toml
    """
    if find_spec("mcp") is None:
        fail("mcp is not installed: pip install 'vod-event-bridge[mcp]'")
    if url and not url.startswith(("http://", "https://")):
        fail(f"--url {mask_url(url)}: must begin with http:// or https://", EXIT_USAGE)
    folders = [folder.resolve() for folder in files or ()]
    for folder in folders:
        if not folder.is_dir():
            fail(f"--files {folder}: there is no such folder", EXIT_USAGE)
    settings = load_settings_or_exit(config)
    from bridge.mcp_server.options import ServerOptions  # noqa: PLC0415 - it needs the extra
    from bridge.mcp_server.server import run  # noqa: PLC0415 - the same

    run(
        settings,
        ServerOptions(allow_write=allow_write, show_payloads=show_payloads, folders=folders, admin_url=url),
    )
