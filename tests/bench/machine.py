"""The machine, and the versions of all programs and libraries that took part."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from tests.bench.go_service import go_is_missing, go_version
from tests.bench.load import wrk_command
from tests.bench.stage import Stage
from tests.rig import kafka_jars

LIBRARIES = ("vod-event-bridge", "aiohttp", "aiokafka", "redis", "hiredis", "msgspec", "uvloop")


def machine(stage: Stage) -> dict[str, str]:
    """Return them by name."""
    found = {
        "machine": f"{os.cpu_count()} cores, {_model()}, {_memory_gb()} GB",
        "system": platform.platform(),
        "load": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "Kafka": kafka_jars.VERSION if stage.kafka.ours else f"of {stage.kafka.bootstrap}",
        "Redis": _redis_version(stage),
        "wrk": _wrk_version(),
        "Go": go_is_missing() or go_version().removeprefix("go"),
    }
    return found | {name: version(name) for name in LIBRARIES}


def _model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.machine()


def _memory_gb() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)


def _redis_version(stage: Stage) -> str:
    lines = stage.redis.ask("INFO", "server").splitlines()
    found = [line.partition(":")[2] for line in lines if line.startswith("redis_version")]
    return found[0] if found else "unknown"


def _wrk_version() -> str:
    output = subprocess.run([wrk_command(), "-v"], capture_output=True, text=True, check=False)  # noqa: S603 - the bench's own command
    parts = (output.stdout + output.stderr).split()
    return parts[1] if len(parts) > 1 else "unknown"
