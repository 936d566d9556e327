"""``vod-bridge serve``: runs the bridge until a signal stops it."""

import sys

import typer
from rich.console import Console

from bridge import app
from bridge.cli.support.exit import ConfigFile, fail, load_settings_or_exit
from bridge.diagnostics.listen import ListenError
from bridge.io.spool import SpoolLockedError
from bridge.settings.settings import Settings

_STOP_HINT = (
    "Ctrl-C stops it in good order, which takes up to 20 s; Ctrl-C again does not wait for the last requests."
)
_LOG_HINT = (
    "Events that are published are not logged: BRIDGE_LOG__DELIVERIES=all shows each delivery here,"
    " `vod-bridge tail` in another terminal each event."
)


def serve(*, config: ConfigFile = None) -> None:
    """Run the bridge until SIGTERM or Ctrl-C.

    A wrong setting stops the start (exit 2) with all mistakes listed.

    Kafka and Redis may be unavailable at the start: /readyz shows it. What Kafka does not accept is spooled.

    Example: BRIDGE_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 BRIDGE_REDIS__URL=redis://redis:6379 vod-bridge serve
    """
    settings = load_settings_or_exit(config)
    if sys.stdout.isatty():
        _print_usage_hints(settings)
    try:
        code = app.serve(settings)
    except SpoolLockedError as error:
        fail(f"{error}: give each bridge a folder of its own (BRIDGE_SPOOL__PATH)")
    except ListenError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot start: {error}")
    raise typer.Exit(code)


def _print_usage_hints(settings: Settings) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(_STOP_HINT, style="dim", markup=False)
    if settings.log.deliveries != "all":
        console.print(_LOG_HINT, style="dim", markup=False)
