"""The helper process: who may ask how much of it, and what is left of a question whose client left."""

import asyncio
import sys
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import aiohttp
import pytest

from bridge.console.helper_client import Caller, HelperClient
from bridge.console.problem import ProblemError
from bridge.settings.settings import load
from tests.console.console_client import ConsoleClient
from tests.end_to_end.environment import Environment, running
from tests.rig.parts import free_port
from tests.rig.program import Program
from tests.rig.waiting import eventually

pytestmark = pytest.mark.services  # each starts the helper process


async def test_anybody_leaves_questions_for_readers_and_both_leave_one_for_operators() -> None:
    helper = HelperClient(load(environment={"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}))
    asking: list[asyncio.Task[str]] = []

    async def ask(caller: Caller) -> str:
        try:
            async with aclosing(helper.ask("topics", caller=caller)) as answers:  # type: ignore[type-var]
                async for _ in answers:
                    pass
        except ProblemError as error:
            return error.problem.title
        return ""

    async def is_refused(caller: Caller) -> bool:
        task = asyncio.create_task(ask(caller))
        asking.append(task)
        await asyncio.sleep(0)
        return task.done()

    try:
        anybody = [await is_refused(Caller.ANYBODY) for _ in range(3)]
        readers = [await is_refused(Caller.READER) for _ in range(2)]
        operators = [await is_refused(Caller.OPERATOR) for _ in range(2)]
        assert (anybody, readers, operators) == ([False, False, True], [False, True], [False, True])
        assert {task.result() for task in asking if task.done()} == {"busy"}
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await helper.stop()


async def test_the_end_of_an_idle_helper_does_not_end_the_questions_to_the_next() -> None:
    helper = HelperClient(load(environment={"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}))

    async def problem() -> str:
        with pytest.raises(ProblemError) as failed:
            async for _ in helper.ask("topics"):
                pass
        return failed.value.problem.title

    try:
        assert await problem() == "Kafka did not answer"
        helper.end_if_idle()  # what happens two minutes later
        assert await problem() == "Kafka did not answer"
    finally:
        await helper.stop()


async def test_the_question_of_a_client_that_left_is_cancelled() -> None:
    async with AsyncExitStack() as stack:
        silent = await asyncio.start_server(_never_answer, "127.0.0.1", 0)
        await stack.enter_async_context(silent)
        host, port = silent.sockets[0].getsockname()
        settings = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"{host}:{port}"}
        program = await stack.enter_async_context(Program(settings, wait_for="/livez"))
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def refusal(within_s: float) -> str:
            """Ask; return why it was refused, nothing where no answer came in time."""
            wait = aiohttp.ClientTimeout(total=within_s)
            try:
                async with session.get(f"{program.admin_url}/api/v1/topics", timeout=wait) as response:
                    title: str = (await response.json())["title"]
            except TimeoutError:
                return ""
            # On a busy machine the console may have had its share of the CPU, too.
            assert (response.status, title) in ((503, "busy"), (503, "too many requests"))
            return title

        async def keep_asking() -> None:
            while await refusal(600):
                pass

        async def is_busy() -> bool:
            return await refusal(1) == "busy"

        asking = [asyncio.create_task(keep_asking()) for _ in range(Caller.ANYBODY)]
        await eventually(is_busy, "anybody's questions are all being answered")
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

        async def is_taken() -> bool:
            return not await refusal(1)

        await eventually(is_taken, "those of who left are given up")


async def _never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(65_536):
        pass
    writer.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's")
async def test_the_kernel_ends_the_helper_before_the_bridge(environment: Environment) -> None:
    async with running(environment) as program, ConsoleClient(program) as client:
        await client.api("topics")
        (pid,) = _children(program.process.pid)
        assert _oom_score(pid) == 1000
        assert _oom_score(program.process.pid) < 1000


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [*map(int, text.split())]


def _oom_score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())
