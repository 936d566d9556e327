"""A consumer whose client can no longer work raises an error, instead of reading nothing."""

import asyncio
from typing import Any

import pytest
from aiokafka import conn
from aiokafka.errors import KafkaError

from bridge import aiokafka_internals
from bridge.aiokafka_internals import ended_consumer_task, install_reset_safe_connections
from bridge.consumer import Subscription, subscribe
from tests.consumer.records import ConsumerEnvironment
from tests.rig.waiting import WITHIN_S


def _task_of(events: Subscription[Any], name: str) -> "asyncio.Task[None]":
    assert events._member is not None  # noqa: SLF001 - there is no other way to the library's tasks
    consumer = events._member._consumer  # noqa: SLF001
    tasks: dict[str, asyncio.Task[None]] = {
        "metadata": consumer._client._sync_task,  # noqa: SLF001
        "coordination": consumer._coordinator._coordination_task,  # noqa: SLF001
        "fetch": consumer._fetcher._fetch_task,  # noqa: SLF001
    }
    return tasks[name]


@pytest.mark.parametrize("name", ["metadata", "coordination", "fetch"])
async def test_a_background_task_that_has_ended_is_an_error(
    consumer_env: ConsumerEnvironment, name: str
) -> None:
    await consumer_env.create("TranscodeComplete", partitions=1)
    await consumer_env.publish_transcoded(range(1))

    async def read() -> None:
        async with subscribe("TranscodeComplete", **consumer_env.options) as events:
            async for _ in events:
                _task_of(events, name).cancel()

    with pytest.raises((KafkaError, asyncio.CancelledError)):
        await asyncio.wait_for(read(), WITHIN_S)


async def test_of_a_version_that_is_not_known_nothing_private_is_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = conn.AIOKafkaConnection
    monkeypatch.setattr(aiokafka_internals, "KNOWN_VERSIONS", frozenset())
    monkeypatch.setattr(conn, "AIOKafkaConnection", object)
    install_reset_safe_connections()
    assert conn.AIOKafkaConnection is object
    assert ended_consumer_task(object()) == ""
    monkeypatch.undo()
    assert conn.AIOKafkaConnection is made
