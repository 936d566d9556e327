"""The spool of several worker processes: another number of them, and new processes, lose nothing of it."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, new_task
from tests.end_to_end.senders import SendResult, send
from tests.end_to_end.workers import has_all, replaced, with_workers, worker_pids
from tests.rig.program import Program
from tests.rig.waiting import eventually


@pytest.mark.long
@pytest.mark.parametrize("numbers", [(4, 2, 4), (1, 2, 1)])
async def test_another_number_of_workers_at_the_next_start_loses_nothing_of_a_full_spool(
    own_environment: Environment, tmp_path: Path, numbers: tuple[int, ...]
) -> None:
    heard: list[SendResult] = []
    settings = {"BRIDGE_SPOOL__PATH": str(tmp_path), "BRIDGE_SPOOL__MAX_BYTES": str(8 << 20)}
    settings["BRIDGE_HTTP__HOLD_S"] = "0"
    own_environment.kafka.pause()
    for number in numbers:
        # Not ready: neither Kafka nor the spool takes anything.
        async with running(own_environment, settings | with_workers(number), wait_for="/livez") as program:
            url = "x" * 20_000
            for _ in range(8):
                results = await asyncio.gather(*(post(program, url) for _ in range(100)))
                heard += results
                if any(not sent.is_durable for sent in results):
                    break
            else:
                assert number != numbers[0], "the spool is not full"
            used = spooled_bytes(tmp_path)
            assert used <= 8 << 20
            assert await program.terminate() == 0
    own_environment.kafka.resume()
    async with running(own_environment, settings | with_workers(numbers[-1])) as program:
        await eventually(lambda: not has_segments(tmp_path), "every folder is drained")
        in_use = 0 if numbers[-1] == 1 else numbers[-1]  # one process alone has the folder above them
        await eventually(lambda: len(folders(tmp_path)) == in_use, "folders that nobody uses are removed")

    assert sum(sent.is_durable for sent in heard) > 100
    assert await has_all(own_environment, heard)


def spooled_bytes(root: Path) -> int:
    return sum(file.stat().st_size for file in root.rglob("*.log"))


def has_segments(root: Path) -> bool:
    """Tell whether any folder has a file of records, while the bridge removes folders."""
    return any(name.endswith(".log") for _, _, names in os.walk(root) for name in names)


def folders(root: Path) -> list[str]:
    return [folder.name for folder in root.iterdir() if folder.name.isdecimal()]


async def post(program: Program, url: str) -> SendResult:
    task, began = new_task(), time.monotonic()
    answer = await program.post(edited(task, url=url))
    return SendResult(task=task, started_at=began, ended_at=time.monotonic(), status=answer.status)


@pytest.mark.long
async def test_workers_are_replaced_while_kafka_is_unavailable_and_what_they_had_spooled_is_drained(
    own_environment: Environment, tmp_path: Path
) -> None:
    settings = with_workers(2) | {"BRIDGE_SPOOL__PATH": str(tmp_path)}
    async with running(own_environment, settings) as program:
        own_environment.kafka.pause()
        heard = await asyncio.gather(*(send(program, new_task()) for _ in range(200)))
        first = worker_pids(program)
        program.process.hang_up()
        await replaced(program)
        assert not set(first) & set(worker_pids(program))
        heard += await asyncio.gather(*(send(program, new_task()) for _ in range(200)))
        own_environment.kafka.resume()
        await eventually(lambda: not has_segments(tmp_path), "every folder is drained")

    assert {sent.outcome for sent in heard} == {"spooled"}
    assert await has_all(own_environment, heard)
