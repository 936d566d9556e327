"""Exit codes, and the one line of an error: the reason and the remedy.

No command shows a traceback for an error that a person can fix.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bridge.cli.support.terminal import mask_secrets_of, safe_text

if TYPE_CHECKING:
    from bridge.settings.settings import Settings

EXIT_FAILED = 1
EXIT_USAGE = 2

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="A TOML file with settings (also BRIDGE_CONFIG); BRIDGE_<SECTION>__<NAME> override it.",
        show_default=False,
    ),
]


def fail(message: str, code: int = EXIT_FAILED) -> NoReturn:
    """Print ``message`` on standard error and exit with ``code``."""
    from rich.console import Console  # noqa: PLC0415 - only what fails needs it

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"error: {safe_text(message, multiline=True)}", style="red", markup=False)
    raise typer.Exit(code)


def load_settings_or_exit(config: Path | None, options: Mapping[str, str] | None = None) -> "Settings":
    """Load the settings; list all mistakes and exit where there are any.

    ``options`` are settings by the names of their environment variables, set on the command line.
    """
    from bridge.settings.settings import SettingsError, load  # noqa: PLC0415 - what needs no settings starts without it

    try:
        settings = load(config, {**os.environ, **(options or {})})
    except SettingsError as error:
        fail(str(error), EXIT_USAGE)
    mask_secrets_of(settings)
    return settings
