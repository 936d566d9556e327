"""Runs the call of a tool: checks arguments, bounds and masks answers, gives errors in plain words."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog
from aiokafka.errors import KafkaError
from msgspec import Struct
from msgspec.structs import replace

from bridge.console.audit import AuditLog
from bridge.console.questions import RefusedError
from bridge.core.printable import cut
from bridge.io.kafka.client import kafka_options
from bridge.mcp_server.context import ToolContext
from bridge.mcp_server.errors import RefusedActionError, ToolError
from bridge.mcp_server.options import ServerOptions
from bridge.mcp_server.plans import Plans
from bridge.mcp_server.safe_answer import ERROR_MAX_CHARS, safe_answer
from bridge.mcp_server.tools import TOOLS, Tool
from bridge.observability.masking import mask_for
from bridge.operations.admin_api import AdminApiError
from bridge.operations.kafka_errors import explain_error, silence_aiokafka
from bridge.operations.read_record import NoRecordError
from bridge.settings.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class CallResult(Struct, frozen=True):
    """What a client gets: ``text`` is the answer as JSON; an error's words where ``answer`` is None."""

    text: str
    answer: dict[str, Any] | None = None


class Calls:
    """The calls of one server."""

    def __init__(self, settings: Settings, options: ServerOptions) -> None:
        silence_aiokafka()
        admin = settings.admin.model_copy(update={"show_payloads": options.show_payloads})
        self._context = ToolContext(
            settings=settings.model_copy(update={"admin": admin}),
            configured=settings,
            options=options,
            mask=mask_for(settings),
            audit=AuditLog(event="mcp_action"),
            plans=Plans(time.monotonic),
            writing=asyncio.Lock(),
            now_ms=lambda: time.time_ns() // 1_000_000,
        )
        self._tasks: set[asyncio.Task[Struct]] = set()

    @property
    def tools(self) -> Sequence[Tool]:
        """The tools that this server has; those that write only where it may."""
        return [tool for tool in TOOLS.values() if self._context.options.allow_write or not tool.writes]

    async def call(self, name: str, arguments: Mapping[str, Any], client: str) -> CallResult:
        """Run a tool. Every error is a result: the client can mend what it asked."""
        context = replace(self._context, client=client)
        try:
            tool = self._allowed_tool(name)
            answer = await self._run(tool, context, msgspec.convert(arguments, type=tool.arguments))
            shown = safe_answer(answer, context.mask)
        except RefusedActionError as error:
            context.audit.record_refused(name, client, error.reason)
            return self._error(str(error))
        except Exception as error:  # noqa: BLE001 - every error is an answer
            return self._error(await self._words_of(error, name))
        return CallResult(msgspec.json.encode(shown).decode(), shown)

    async def _run(self, tool: Tool, context: ToolContext, arguments: object) -> Struct:
        """Run a tool in a task of its own, which is cancelled once where its client cancels the call.

        The SDK cancels a call again at each of its awaits: nothing could be closed or stored then.
        """
        task = asyncio.create_task(tool.run(context, arguments))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.cancelled():
            raise ToolError(f"{tool.name} was ended before its answer: try again")
        return task.result()

    def _allowed_tool(self, name: str) -> Tool:
        tool = TOOLS.get(name)
        if tool is None:
            raise ToolError(f"there is no tool {name!r}: {', '.join(one.name for one in self.tools)}")
        if tool.writes and not self._context.options.allow_write:
            raise RefusedActionError(
                f"{name}: this server only reads. To allow writes: `vod-bridge mcp --allow-write`",
                "read-only server",
            )
        return tool

    async def stop(self) -> None:
        """End the calls that are under way. How far a replay is, is stored."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._context.audit.log_suppressed()

    async def _words_of(self, error: Exception, name: str) -> str:
        """Return the words for an error: what happened, why, what to do."""
        match error:
            case ToolError() | NoRecordError() | AdminApiError():
                return str(error)
            case msgspec.ValidationError():
                return f"{name}: wrong arguments: {error}"
            case RefusedError():
                parts = (error.problem.title, error.problem.detail, error.problem.remedy)
                return ": ".join(part for part in parts if part)
            case KafkaError() | OSError() | TimeoutError():
                return str(await explain_error(kafka_options(self._context.settings.kafka), error))
            case _:
                log.error("internal_error", tool=name, exc_info=error)
                return f"{name} failed by a bug of the bridge: its log has the traceback"

    def _error(self, text: str) -> CallResult:
        return CallResult(cut(self._context.mask.mask_line(text), ERROR_MAX_CHARS))
