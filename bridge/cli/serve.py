"""``vod-bridge serve``: runs the bridge until a signal stops it."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

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


def serve(
    *,
    config: ConfigFile = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=64,
            help="Worker processes on the port, 0 = one for each core; also BRIDGE_HTTP__WORKERS.",
            show_default="1",
        ),
    ] = None,
) -> None:
    """Run the bridge until SIGTERM or Ctrl-C.

    A wrong setting stops the start (exit 2) with all mistakes listed.

    Kafka and Redis may be unavailable at the start: /readyz shows it. What Kafka does not accept is spooled.

    With several workers SIGHUP replaces them one after the other, with what the files of settings say now.

    One process alone ignores it, but for that of a closed terminal.

    Example: BRIDGE_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 BRIDGE_REDIS__URL=redis://redis:6379 vod-bridge serve
    """
    options = {} if workers is None else {"BRIDGE_HTTP__WORKERS": str(workers)}
    settings = load_settings_or_exit(config, options)
    if sys.stdout.isatty():
        _print_usage_hints(settings)
    try:
        code = _run(settings, config)
    except SpoolLockedError as error:
        fail(f"{error}: give each bridge a folder of its own (BRIDGE_SPOOL__PATH)")
    except ListenError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot start: {error}")
    raise typer.Exit(code)


def _run(settings: Settings, config: Path | None) -> int:
    from bridge.workers.limits import worker_count  # noqa: PLC0415

    number = worker_count(settings)
    # Each is imported where it runs: a supervisor does not take deliveries.
    if number > 1:
        from bridge.workers.supervisor import supervise_workers  # noqa: PLC0415

        return supervise_workers(settings, number, config)
    from bridge.app import serve as serve_alone  # noqa: PLC0415

    return serve_alone(settings)


def _print_usage_hints(settings: Settings) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(_STOP_HINT, style="dim", markup=False)
    if settings.log.deliveries != "all":
        console.print(_LOG_HINT, style="dim", markup=False)
