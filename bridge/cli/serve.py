"""``vod-bridge serve``: the bridge itself, until it is told to stop."""

import typer

from bridge import app
from bridge.cli.ending import ConfigFile, fail, settings_of
from bridge.io.spool import InUse


def serve(*, config: ConfigFile = None) -> None:
    """Run the bridge until SIGTERM or Ctrl-C.

    A wrong setting stops the start (exit 2) with all mistakes listed.

    Kafka and Redis may be away at the start: /readyz says so. What Kafka does not take waits in the spool.

    Example: BRIDGE_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 BRIDGE_REDIS__URL=redis://redis:6379 vod-bridge serve
    """
    settings = settings_of(config)
    try:
        code = app.serve(settings)
    except InUse as error:
        fail(f"{error}: give each bridge a folder of its own (BRIDGE_SPOOL__PATH)")
    except OSError as error:
        fail(f"cannot listen ({error.strerror}): check host and port of BRIDGE_HTTP__ and BRIDGE_ADMIN__")
    raise typer.Exit(code)
