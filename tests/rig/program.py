"""The real program as a process of its own, as an operator would start it, and what a test asks of it."""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from tests.rig.parts import Process, free_port
from tests.rig.reaper import temporary_folder
from tests.rig.waiting import WITHIN_S, eventually, eventually_blocking

STARTUP_TIMEOUT_S = 60.0


class ProgramResponse(Struct, frozen=True, kw_only=True):
    """What the program answered; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The body, read."""
        return json.loads(self.body)


class Program:
    """``vod-bridge serve`` with the given settings; ``async with`` starts it and waits until it answers.

    ``settings`` are environment variables (``BRIDGE_...``); ports are free ones unless given. ``wait_for`` is
    the operators' path that must answer 200 before the test goes on: ``/readyz``, ``/livez``, or "" for none.
    ``descriptors`` is its limit of open files, where that is to be low. ``module`` runs the bridge: another
    one, with its own arguments, may do so under observation.
    Leaving ends it with SIGTERM, or SIGKILL if that takes longer than the 20 s it promises.
    """

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        wait_for: str = "/readyz",
        command: tuple[str, ...] = ("serve",),
        descriptors: int = 0,
        module: tuple[str, ...] = ("bridge",),
    ) -> None:
        given = dict(settings or {})
        self.port = int(given.setdefault("BRIDGE_HTTP__PORT", str(free_port())))
        self.admin_port = int(given.setdefault("BRIDGE_ADMIN__PORT", str(free_port())))
        given.setdefault("BRIDGE_HTTP__HOST", "127.0.0.1")
        given.setdefault("BRIDGE_ADMIN__HOST", "127.0.0.1")
        self._folder = temporary_folder("rig-bridge-")
        given.setdefault("BRIDGE_SPOOL__PATH", str(self._folder / "spool"))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
        self._env = clean | given
        self._command = [sys.executable, "-m", *module, *command]
        if descriptors:
            limited = f'ulimit -n {descriptors}; exec "$@"'
            self._command = ["sh", "-c", limited, "sh", *self._command]
        self._metrics_at = 0.0
        self._metrics_lock = asyncio.Lock()
        self._wait_for = wait_for
        self._process: Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"

    async def __aenter__(self) -> Self:
        """Start it and wait until it answers."""
        self.launch()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=2 * WITHIN_S)
        )
        try:
            await self._wait_until_up()
        except BaseException:
            await self._clean_up()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; when the test failed, show its log."""
        if error is not None:
            sys.stderr.write(f"--- the program's log ---\n{self.log()[-8000:]}\n")
        await self._clean_up()

    def launch(self) -> Process:
        """Start the process without waiting for anything; for a start that is meant to fail."""
        self._process = Process(self._command, self._folder / "bridge.log", self._env)
        return self._process

    @property
    def process(self) -> Process:
        """The process: its pid, `Process.pause`, `Process.kill`, exit code."""
        if self._process is None:
            raise RuntimeError("the program was never started")
        return self._process

    def log(self) -> str:
        """Give everything it wrote so far."""
        return self.process.log()

    def log_lines(self) -> list[dict[str, Any]]:
        """Give the JSON lines of its log; of one that it is writing nothing yet."""
        *whole, _being_written = self.log().split("\n")
        return [json.loads(line) for line in whole if line.startswith("{")]

    async def post(
        self,
        body: bytes | str | Mapping[str, Any],
        path: str = "/callbacks",
        *,
        headers: Mapping[str, str] | None = None,
    ) -> ProgramResponse:
        """Post one notification; a mapping goes out as JSON. Connection errors come up as aiohttp's own."""
        return await self.request("POST", path, body, headers)

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | str | Mapping[str, Any] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> ProgramResponse:
        """Send any request to the HTTP door (path with query as it shall stand in the request line)."""
        data = json.dumps(body) if isinstance(body, Mapping) else body
        return await self._request(method, self.url + path, data, headers)

    async def admin(self, path: str) -> ProgramResponse:
        """Ask the admin endpoint; for metrics once those that it keeps for a second are out of date."""
        if path != "/metrics":
            return await self._request("GET", self.admin_url + path, b"", None)
        async with self._metrics_lock:
            await asyncio.sleep(self._metrics_at + 1.01 - time.monotonic())
            try:
                return await self._request("GET", self.admin_url + path, b"", None)
            finally:  # their second began when they were rendered, which was before
                self._metrics_at = time.monotonic()

    async def degraded(self) -> list[str]:
        """Give what is degraded, as /readyz says it; empty where all is well."""
        return list((await self.admin("/readyz")).json["degraded"])

    async def is_well(self) -> bool:
        """Tell whether nothing is degraded."""
        return not await self.degraded()

    async def metric(self, name: str, **labels: str) -> float:
        """Sum the samples of this exact name whose labels match; 0 where there are none."""
        lines = (await self.admin("/metrics")).body.decode().splitlines()
        told = "".join(
            f"{line}\n" for line in lines if line.startswith(name)
        )  # reading all would take longer
        return sum(
            sample.value
            for family in text_string_to_metric_families(told)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def terminate(self, within_s: float = WITHIN_S) -> int:
        """Send SIGTERM and give the exit code."""
        self.process.terminate()
        await eventually(
            lambda: self.process.exit_code is not None, "the program ends after SIGTERM", within_s=within_s
        )
        return self.process.exit_code or 0

    def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()

    def exit_code(self, within_s: float = WITHIN_S) -> int:
        """Wait (blocking) for an end nobody asked for, and give the exit code."""
        eventually_blocking(lambda: self.process.exit_code is not None, "the program ends", within_s=within_s)
        return self.process.exit_code or 0

    def rss_bytes(self) -> int:
        """Give its resident memory (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def cpu_seconds(self) -> float:
        """Give the CPU time it has used so far, user and system (Linux)."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def _request(
        self, method: str, url: str, data: bytes | str, headers: Mapping[str, str] | None
    ) -> ProgramResponse:
        if self._session is None:
            raise RuntimeError("the program was not started by `async with`")
        async with self._session.request(method, url, data=data or None, headers=headers) as response:
            return ProgramResponse(
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=await response.read(),
            )

    async def _wait_until_up(self) -> None:
        async def good() -> bool:
            if self.process.exit_code is not None:
                raise AssertionError(f"it ended with {self.process.exit_code}:\n{self.log()[-8000:]}")
            try:
                if (await self.admin(self._wait_for)).status != 200:
                    return False
                # The operators' port answers a moment before the other one is open.
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except (aiohttp.ClientError, ConnectionError):
                return False
            writer.close()
            return True

        if self._wait_for:
            what = f"{self._wait_for} answers 200; its log:\n"
            try:
                await eventually(good, what, within_s=STARTUP_TIMEOUT_S)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.log()[-8000:]}") from error

    async def _clean_up(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            self._process.stop(within_s=25)
        shutil.rmtree(self._folder, ignore_errors=True)
