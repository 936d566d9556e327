"""``vod-bridge serve``: the bridge itself, until it is told to stop."""

import typer

from bridge import app
from bridge.cli.ending import ConfigFile, fail, settings_of


def serve(*, config: ConfigFile = None) -> None:
    """Run the bridge until SIGTERM or Ctrl-C.

    A wrong setting stops the start (exit 2) with all mistakes listed.

    Kafka and Redis may be away at the start: /readyz says so.

    Example: BRIDGE_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 BRIDGE_REDIS__URL=redis://redis:6379 vod-bridge serve
    """
    settings = settings_of(config)
    try:
        code = app.serve(settings)
    except OSError as error:
        fail(f"cannot listen ({error.strerror}): check host and port of BRIDGE_HTTP__ and BRIDGE_ADMIN__")
    raise typer.Exit(code)
