"""The commands that ``vod-bridge dev`` suggests for another terminal."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bridge.core.application import Application
from bridge.settings.settings import Settings

DEFAULT_KAFKA = "127.0.0.1:9092"  # the address that the documentation uses


def setup_lines(settings: Settings, app_env: dict[str, str]) -> list[str]:
    """Return the lines that make commands use these services; ``app_env`` are the application's variables."""
    exports = {
        "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "BRIDGE_REDIS__URL": settings.redis.url,
        **app_env,
        # For a `vod-bridge serve` beside this one: other ports, and no spool folder.
        "BRIDGE_HTTP__PORT": "0",
        "BRIDGE_ADMIN__PORT": "0",
        "BRIDGE_SPOOL__MAX_BYTES": "0",
    }
    return [*_program_lines(), *(f"export {name}={shlex.quote(value)}" for name, value in exports.items())]


def post_command(url: str, app: Application) -> str:
    """Return a command that posts a notification, signed where the application has a key."""
    # The time is its FileId: each run posts another event.
    body = """'{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"'$(date +%s)'"}}'"""
    if app.sign_keys:
        return f"echo {body} | vod-bridge send - --url {url}"
    return f"curl -d {body} {url}"


def inspect_commands(settings: Settings, console_url: str) -> Iterator[str]:
    """Return commands that post more, and show what was published."""
    yield "vod-bridge send --example TranscodeComplete --new-ids"
    yield "vod-bridge tail --from-beginning --ids"
    yield "vod-bridge replay --dead-letters"
    yield f"vod-bridge top --url {console_url}"
    if settings.kafka.bootstrap_servers != DEFAULT_KAFKA:
        yield f"# where a snippet says localhost:9092, write {settings.kafka.bootstrap_servers}"


def _program_lines() -> list[str]:
    """Return how ``vod-bridge`` is called: after a line that activates its environment, or directly."""
    if sys.prefix != sys.base_prefix and (script := Path(sys.prefix, "bin", "activate")).is_file():
        return [f"source {shlex.quote(str(script))}"]
    program = Path(sys.executable).with_name("vod-bridge")
    if shutil.which("vod-bridge") is None and program.is_file():
        return [f"alias vod-bridge={shlex.quote(str(program))}"]
    return []
