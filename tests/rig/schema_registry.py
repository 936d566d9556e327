"""Schema registries for tests: a real Apicurio Registry, and a small fake that passes the same tests.

Both speak the Confluent API. The fake compares the top-level properties alone; Apicurio compares schemas.
"""

import json
import shutil
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

from tests.rig.certificates import Pair
from tests.rig.parts import MissingPartError, Process, cache_folder, free_port, locked
from tests.rig.reaper import temporary_folder
from tests.rig.waiting import eventually_blocking

VERSION = "3.0.9"  # the last line that runs on Java 17; in memory, on H2
MAVEN_WITHIN_S, STARTED_WITHIN_S = 600.0, 180.0
_ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
_MAVEN_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:2.10:get"  # later ones have no dest


class RealRegistry:
    """One Apicurio Registry on a free port of loopback, empty at its start."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/apis/ccompat/v7"
        self._process: Process | None = None

    def start(self) -> None:
        """Start it, and wait until it answers (blocking)."""
        java, maven = shutil.which("java"), shutil.which("mvn")
        if java is None or maven is None:
            raise MissingPartError(
                "registry", "no java and mvn on PATH: install a JDK of 17 or later, and Maven"
            )
        jar = _jar(maven)
        folder = temporary_folder("registry")
        where = ["-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={self._port}"]
        # It lives for half a minute: what the better compiler costs never comes back.
        quick = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        command = [java, *quick, *where, "-jar", jar]
        self._process = process = Process(command, folder / "log")
        eventually_blocking(
            lambda: process.exit_code is not None or self._answers(),
            "Apicurio answers",
            within_s=STARTED_WITHIN_S,
        )
        if process.exit_code is not None:
            raise RuntimeError(f"Apicurio ended at its start: {process.log()[-2000:]}")

    def remove(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/subjects", timeout=10) as response:  # noqa: S310 - loopback
                return bool(response.status == 200)
        except OSError:
            return False


def _jar(maven: str) -> str:
    folder = cache_folder() / f"apicurio-{VERSION}"
    jar = folder / f"apicurio-registry-app-{VERSION}-runner.jar"
    with locked(folder.name):
        if not jar.exists():
            archive = temporary_folder("apicurio") / "all.tar.gz"
            what = [f"-Dartifact={_ARTIFACT}", "-Dtransitive=false", f"-Ddest={archive}"]
            command = [maven, "-q", "-B", _MAVEN_GOAL, *what]
            done = subprocess.run(  # noqa: S603 - the rig's own command
                command,
                cwd=archive.parent,
                capture_output=True,
                text=True,
                timeout=MAVEN_WITHIN_S,
                check=False,
            )
            if not archive.exists():
                output = (done.stdout + done.stderr).strip().splitlines()
                raise MissingPartError(
                    "registry", f"no Apicurio Registry: {output[0] if output else 'mvn failed'}"
                )
            with tarfile.open(archive) as content:
                content.extractall(folder, filter="data")
            archive.unlink()
    return str(jar)


class FakeRegistry:
    """What a registry has: versions and modes by subject. With ``authorization`` it wants that header."""

    def __init__(self, authorization: str = "") -> None:
        self.authorization = authorization
        self.schemas: list[str] = []  # an id is an index and 1
        self.subjects: dict[str, list[int]] = {}
        self.modes: dict[str, str] = {}
        self.url = ""

    def answer(  # noqa: PLR0911 - a request of the API each
        self, method: str, path: str, body: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """Answer one request as the Confluent API does."""
        parts = [unquote(part) for part in path.split("/")[1:]]
        match method, parts:
            case "POST", ["subjects", subject]:
                return self._find(subject, body["schema"])
            case "POST", ["subjects", subject, "versions"]:
                return self._register(subject, body["schema"])
            case "GET", ["subjects", subject, "versions", "latest"]:
                latest = self.subjects[subject][-1]
                return 200, {"id": latest, "schema": self.schemas[latest - 1]}
            case "GET", ["schemas", "ids", number]:
                return 200, {"schema": self.schemas[int(number) - 1]}
            case "POST", ["compatibility", "subjects", subject, "versions", "latest"]:
                reasons = self._differences(subject, body["schema"])
                return 200, {"is_compatible": not reasons, "messages": reasons}
            case "GET", ["config", subject] if subject not in self.modes:
                return 404, {"error_code": 40408, "message": "no mode"}
            case "GET", ["config", subject]:
                return 200, {"compatibilityLevel": self.modes[subject]}
            case "PUT", ["config", subject]:
                self.modes[subject] = body["compatibility"]
                return 200, dict(body)
        return 404, {}

    def _find(self, subject: str, schema: str) -> tuple[int, dict[str, Any]]:
        if subject not in self.subjects:
            return 404, {"error_code": 40401, "message": "no subject"}
        for one in self.subjects[subject]:
            if self.schemas[one - 1] == schema:
                return 200, {"id": one, "subject": subject, "schema": schema}
        return 404, {"error_code": 40403, "message": "no schema"}

    def _register(self, subject: str, schema: str) -> tuple[int, dict[str, Any]]:
        status, found = self._find(subject, schema)
        if status == 200:
            return 200, {"id": found["id"]}
        if subject in self.subjects and (reasons := self._differences(subject, schema)):
            return 409, {"error_code": 409, "message": "; ".join(reasons)}
        self.schemas.append(schema)
        self.subjects.setdefault(subject, []).append(len(self.schemas))
        return 200, {"id": len(self.schemas)}

    def _differences(self, subject: str, schema: str) -> list[str]:
        mode = self.modes.get(subject, "NONE")
        old = json.loads(self.schemas[self.subjects[subject][-1] - 1]).get("properties", {})
        new = json.loads(schema).get("properties", {})
        wrong = [name for name in old.keys() & new.keys() if old[name].get("type") != new[name].get("type")]
        if mode.startswith(("BACKWARD", "FULL")):
            wrong += new.keys() - old.keys()
        if mode.startswith(("FORWARD", "FULL")):
            wrong += old.keys() - new.keys()
        return [] if mode == "NONE" else [f"not compatible under {mode}: {name}" for name in sorted(wrong)]


@contextmanager
def running(registry: FakeRegistry, tls: Pair | None = None) -> Iterator[FakeRegistry]:
    """Serve a fake on a free port of loopback; it serves as a forward proxy to itself, too."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer: the second of two would wait for the client's delayed ACK

        def handle_one_request(self) -> None:
            """Read one request and answer it."""
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if registry.authorization not in ("", self.headers.get("Authorization")):
                status, reply = 401, {"error_code": 40101, "message": "Unauthorized"}
            else:
                path = urlsplit(self.path).path
                status, reply = registry.answer(self.command, path, json.loads(body or b"{}"))
            content = json.dumps(reply).encode()
            self.send_response(status)
            if "location" in reply:
                self.send_header("Location", str(reply["location"]))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Write no log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.cert, tls.key)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        registry.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        yield registry
        server.shutdown()
        thread.join()
