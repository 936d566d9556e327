"""A real Apache Kafka for tests: one node by Maven's jars and Java, or the one that BRIDGE_TEST_KAFKA names.

Only starts, stops and freezes it and makes topics; reading is `tests.rig.consume`.
"""

import base64
import os
import shutil
import socket
import struct
import subprocess
import uuid
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.rig.class_archive import class_archive
from tests.rig.kafka_jars import java_command
from tests.rig.parts import MissingPartError, Process, cache_folder, free_port, locked
from tests.rig.proxy import Proxy
from tests.rig.reaper import temporary_folder
from tests.rig.waiting import eventually, eventually_blocking

STARTS_WITHIN_S = 180.0
_ARCHIVED_WITHIN_S = 180.0
# What a broker of a busy machine is given to make or delete topics, and who asks it to wait for its answer.
_WITHIN_MS, _PATIENCE_MS = 60_000, 90_000

_QUICK = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)  # size, key, version, correlation, no client id


class RealKafka:
    """One broker in KRaft mode with its data in a temporary folder; a stopped one starts again with its data.

    ``bootstrap`` is the direct address. ``proxied`` is a second one whose answers send clients to a port of
    ours: what speaks to it goes through `open_proxy`. ``java_options`` and ``settings`` are for special runs,
    as ``listeners`` (name: protocol) are, each with an address of its own, ``scram`` users, and ``classes``,
    a folder of compiled Java classes that the settings may name (a policy).
    """

    def __init__(
        self,
        java_options: Iterable[str] = (),
        settings: Mapping[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        scram: Mapping[str, str] | None = None,
        classes: Path | None = None,
    ) -> None:
        named = os.environ.get("BRIDGE_TEST_KAFKA", "")
        self.ours = not named
        self._java = list(java_options)
        self.settings = dict(settings or {})
        self._listeners = {name: (free_port(), kind) for name, kind in (listeners or {}).items()}
        self._scram = dict(scram or {})
        self._classes = classes
        self._process: Process | None = None
        self._folder: Path | None = None
        self._port, self._behind, self._front, self.controller_port = (free_port() for _ in range(4))
        self.cluster_id = _new_id()
        self.bootstrap = named or f"127.0.0.1:{self._port}"
        self.proxied = f"127.0.0.1:{self._front}"

    def address(self, listener: str) -> str:
        """Give the address of one of the ``listeners``."""
        return f"127.0.0.1:{self._listeners[listener][0]}"

    @property
    def pid(self) -> int:
        """The broker's process id."""
        return self._started_process().pid

    def start(self) -> None:
        """Start it, or start it again after `stop` or `kill`, and wait (blocking) until it answers."""
        if not self.ours:
            return
        java, jars = java_command()
        options = self._java or list(_QUICK)
        if not self._java:
            options += class_archive(java, jars, _run_once)
        if self._folder is None:
            folder = temporary_folder("rig-kafka-")
            self._format(java, jars, folder)
            self._folder = folder
        # What comes behind the archive's own path leaves the archive valid.
        path = os.pathsep.join([jars, *([str(self._classes)] if self._classes else [])])
        command = [java, *options, "-cp", path, "kafka.Kafka", str(self._folder / "server.properties")]
        self._process = process = Process(command, self._folder / "kafka.log")
        eventually_blocking(
            lambda: process.exit_code is not None or self._is_ready(),
            "Kafka answers",
            within_s=STARTS_WITHIN_S,
            every_s=0.1,
        )
        if process.exit_code is not None:
            raise RuntimeError(f"Kafka ended at its start: {process.log()[-2000:]}")

    def move(self) -> None:
        """Start a stopped one again with its data, at other addresses (blocking)."""
        self._port, self._behind, self._front = (free_port() for _ in range(3))
        self.bootstrap, self.proxied = f"127.0.0.1:{self._port}", f"127.0.0.1:{self._front}"
        if self._folder is None:
            raise MissingPartError("kafka", "no Kafka of our own to move: unset BRIDGE_TEST_KAFKA")
        self._write_properties(self._folder)
        self.start()

    def stop(self) -> None:
        """Stop it in good order (blocking)."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self._started_process().kill()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._started_process().pause()

    def resume(self) -> None:
        """Let a frozen one go on."""
        self._started_process().resume()

    def heal(self) -> None:
        """Bring it back to life after whatever a test did to it."""
        if not self.ours or self._process is None:
            return
        self._process.resume()
        if self._process.exit_code is not None:
            self.start()

    def remove(self) -> None:
        """Kill it and remove its data."""
        if self._process is not None:
            self._process.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def open_proxy(self) -> Proxy:
        """Open the way behind ``proxied``; one at a time. Close it by ``with``."""
        self._started_process()
        return Proxy(target_port=self._behind, port=self._front)

    async def create_topics(
        self,
        names: Iterable[str],
        partitions: int = 4,
        configs: Mapping[str, str] | None = None,
        replication: int = 1,
    ) -> None:
        """Create topics and wait until the broker has them."""
        wanted = [
            NewTopic(name, partitions, replication, topic_configs=dict(configs or {})) for name in names
        ]
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=_PATIENCE_MS)
        await admin.start()
        client = admin._client  # noqa: SLF001 - it trips over a listing that names no controller

        async def is_led() -> bool:
            return bool(await client.force_metadata_update()) and client.cluster.controller is not None

        try:
            await eventually(is_led, "the broker names a controller")
            response = await admin.create_topics(wanted, timeout_ms=_WITHIN_MS)
            failed = [(name, code, message) for name, code, message in response.topic_errors if code]
            if failed:
                raise RuntimeError(f"topics not created: {failed}")
            made = {topic.name for topic in wanted}

            async def listed() -> bool:
                return made <= set(await admin.list_topics())

            await eventually(listed, "the broker lists what it made")
        finally:
            await admin.close()

    async def delete_topics(self, names: Iterable[str]) -> None:
        """Delete topics, and wait until the broker lists them no more: that comes later on a busy machine."""
        gone = set(names)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=_PATIENCE_MS)

        async def are_gone() -> bool:
            return gone.isdisjoint(await admin.list_topics())

        await admin.start()
        try:
            await admin.delete_topics(list(gone), timeout_ms=_WITHIN_MS)
            await eventually(are_gone, "the topics are deleted")
        finally:
            await admin.close()

    def _started_process(self) -> Process:
        if self._process is None:
            raise MissingPartError("kafka", "no Kafka of our own to freeze or kill: unset BRIDGE_TEST_KAFKA")
        return self._process

    def _format(self, java: str, jars: str, folder: Path) -> None:
        """Format the storage; where it has no users, by a copy of what the tool made once on this machine."""
        properties = self._write_properties(folder)
        mark = blake2b(jars.encode(), digest_size=6).hexdigest()
        made = cache_folder() / f"kafka-bootstrap-{mark}.checkpoint"
        data = folder / "data"
        if not self._scram and made.exists():
            data.mkdir()
            shutil.copyfile(made, data / "bootstrap.checkpoint")
            node = (self._properties(folder) | self.settings)["node.id"]
            text = f"version=1\ncluster.id={self.cluster_id}\nnode.id={node}\ndirectory.id={_new_id()}\n"
            (data / "meta.properties").write_text(text)
            return
        self._run_format(java, jars, properties)
        if not self._scram:
            with locked(made.stem):
                fresh = made.with_suffix(f".{os.getpid()}")
                shutil.copyfile(data / "bootstrap.checkpoint", fresh)
                fresh.replace(made)

    def _run_format(self, java: str, jars: str, properties: Path) -> None:
        tool = [*_QUICK, "-cp", jars, "kafka.tools.StorageTool"]
        users = [
            f"--add-scram={kind}=[name={name},password={password}]"
            for name, password in self._scram.items()
            for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        ]
        done = subprocess.run(  # noqa: S603 - the rig's own command
            [java, *tool, "format", "-t", self.cluster_id, "-c", str(properties), *users],
            check=False,
            capture_output=True,
            text=True,
            timeout=STARTS_WITHIN_S,
        )
        if done.returncode:
            raise RuntimeError(f"Kafka's storage was not formatted: {(done.stdout + done.stderr)[-2000:]}")

    def _write_properties(self, folder: Path) -> Path:
        settings = self._properties(folder) | self.settings
        properties = folder / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return properties

    def _properties(self, folder: Path) -> dict[str, str]:
        listeners = {"DIRECT": self._port, "PROXIED": self._behind, "CONTROLLER": self.controller_port}
        kinds = dict.fromkeys(listeners, "PLAINTEXT")
        told = {"DIRECT": self._port, "PROXIED": self._front}
        for name, (port, kind) in self._listeners.items():
            listeners[name], kinds[name], told[name] = port, kind, port
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "DIRECT",
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items()),
            "advertised.listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in told.items()),
            "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in kinds.items()),
            "log.dirs": str(folder / "data"),
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "min.insync.replicas": "1",
            "default.replication.factor": "1",
            "group.initial.rebalance.delay.ms": "0",
            "auto.create.topics.enable": "false",
            "message.max.bytes": str(16 * 1024 * 1024),
            "log.message.timestamp.type": "CreateTime",
            # There are several on two cores: idle, one with the defaults needs 2.5 % of a core, so 1.2 %.
            "metadata.max.idle.interval.ms": "0",
            "num.network.threads": "1",
            "num.io.threads": "3",
            "background.threads": "2",
        }

    def _is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=2) as line:
                line.sendall(_API_VERSIONS)
                return bool(line.recv(1))
        except OSError:
            return False


def _run_once(option: str) -> None:
    """Start and stop a broker with one more option for its JVM (blocking)."""
    broker = RealKafka([*_QUICK, option])
    try:
        broker.start()
        broker._started_process().stop(_ARCHIVED_WITHIN_S)  # noqa: SLF001 - it writes before it ends
    finally:
        broker.remove()


def _new_id() -> str:
    """Make an id as Kafka does: without a leading "-", which would be read as an option."""
    return "r" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
