"""``vod-bridge serve``: the bridge itself, until it is told to stop."""

import typer

from bridge.cli.ending import ConfigFile, fail, settings_of


def serve(*, config: ConfigFile = None) -> None:
    """Run the bridge until SIGTERM or Ctrl-C.

    A wrong setting stops the start (exit 2) with all mistakes listed. Kafka and Redis may be away at the
    start: /readyz says so.

    Example: BRIDGE_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 BRIDGE_REDIS__URL=redis://redis:6379 vod-bridge serve
    """
    from bridge import app  # noqa: PLC0415 - the other commands start without the bridge's parts

    settings = settings_of(config)
    try:
        code = app.serve(settings)
    except OSError as error:
        fail(f"cannot listen: {error.strerror or error}: check BRIDGE_HTTP__PORT and BRIDGE_ADMIN__PORT")
    raise typer.Exit(code)
