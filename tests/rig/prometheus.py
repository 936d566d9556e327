"""A real Prometheus for tests: scrapes each second, with rules, answers queries; and what a query names."""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from tests.rig.parts import Process, free_port
from tests.rig.reaper import temporary_folder
from tests.rig.tools import tool
from tests.rig.waiting import eventually

Sample = tuple[Mapping[str, str], float]

_SELECTOR = re.compile(r"\b((?:vod_bridge|process)_\w+|ALERTS)\b(?!:)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')


def selectors_in(expression: str) -> list[tuple[str, dict[str, list[str]]]]:
    """Give every metric that an expression names, each with its labels' wanted words (``a|b`` is two)."""
    found = []
    for name, matchers in _SELECTOR.findall(expression):
        wanted = {label: words.split("|") for label, words in _MATCHER.findall(matchers)}
        found.append((name, wanted))
    return found


class Prometheus:
    """The server itself, ``async with``; its data goes when it does. Raises `Missing` where there is none.

    ``targets`` are ``host:port`` of what is scraped, ``rules`` the rule files it loads.
    """

    def __init__(self, targets: Sequence[str], rules: Sequence[Path] = ()) -> None:
        self._program = tool("prometheus")
        self._port = free_port()
        self._folder = temporary_folder("rig-prometheus-")
        self._config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(file) for file in rules],
            "scrape_configs": [{"job_name": "bridge", "static_configs": [{"targets": list(targets)}]}],
        }
        self._process: Process | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Start it and wait until it answers."""
        config = self._folder / "prometheus.yaml"
        config.write_text(yaml.safe_dump(self._config))
        words = [
            f"--config.file={config}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
        ]
        self._process = Process([str(self._program), *words], self._folder / "prometheus.log")
        self._session = aiohttp.ClientSession(f"http://127.0.0.1:{self._port}")
        try:
            await eventually(self._ready, "Prometheus is ready")
        except BaseException:
            await self._clean_up()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        await self._clean_up()

    async def query(self, expression: str) -> list[Sample]:
        """Evaluate an expression now: each series' labels and value. AssertionError where it is none."""
        told = await self._get("/api/v1/query", query=expression)
        assert told["status"] == "success", told
        data = told["data"]
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    async def rules(self) -> dict[str, str]:
        """Give each rule's name and its health: ok, unknown (not evaluated yet), err."""
        groups = (await self._get("/api/v1/rules"))["data"]["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    async def _get(self, path: str, **words: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        assert self._session is not None
        async with self._session.get(path, params=words) as response:
            return await response.json()

    async def _ready(self) -> bool:
        assert self._process is not None
        assert self._session is not None
        if self._process.exit_code is not None:
            raise AssertionError(f"Prometheus ended:\n{self._process.log()[-4000:]}")
        try:
            async with self._session.get("/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def _clean_up(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            self._process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
