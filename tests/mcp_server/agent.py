"""A client of ``vod-bridge mcp`` as an agent's program would be: the official SDK, over stdio."""

import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.client import ConnectMode
from mcp_types import CallToolResult, TextContent, Tool

from tests.cli.cli_process import environment

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Agent:
    """Calls the tools of one server; ``log`` gives what the server wrote to stderr so far."""

    def __init__(self, client: Client, log_file: Any) -> None:  # noqa: ANN401 - a temporary file
        self.client = client
        self._log_file = log_file

    async def tools(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in (await self.client.list_tools()).tools}

    async def call(self, name: str, arguments: Mapping[str, Any] = NOTHING) -> Any:  # noqa: ANN401 - JSON
        """Return a good answer; the SDK has held it to the tool's output schema."""
        result = await self._call(name, arguments)
        assert not result.is_error, text_of(result)
        return result.structured_content

    async def error(self, name: str, arguments: Mapping[str, Any] = NOTHING) -> str:
        """Return the words of a call that is refused or fails."""
        result = await self._call(name, arguments)
        assert result.is_error, text_of(result)
        return text_of(result)

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        return await self.client.call_tool(name, dict(arguments))

    def log(self) -> str:
        self._log_file.seek(0)
        found: str = self._log_file.read()
        return found


def text_of(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


@asynccontextmanager
async def agent(
    *options: str, settings: Mapping[str, str], mode: ConnectMode = "auto"
) -> AsyncIterator[Agent]:
    """Start ``vod-bridge mcp`` and connect to it; at the end its log must hold no traceback."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "bridge", "mcp", *options], env=environment(settings)
    )
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log_file:
        try:
            async with Client(
                stdio_client(server, errlog=log_file), read_timeout_seconds=120, mode=mode
            ) as client:
                yield Agent(client, log_file)
        finally:
            log_file.seek(0)
            log = log_file.read()
            sys.stderr.write(log[-8000:])  # shown where the test fails
        assert "Traceback" not in log
