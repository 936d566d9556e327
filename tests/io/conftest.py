"""What the tests of the publisher need: a topic, a publisher by each way, a writer. And a door."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from bridge import aiokafka_internals
from bridge.io import publisher as package
from bridge.io.publisher import Limits, Publisher
from bridge.keeping import Keeper
from bridge.telemetry import Telemetry
from tests.io.doors import Door, opened
from tests.io.publishing import Holes
from tests.keeping_fakes import FakeStore
from tests.rig.kafka import RealKafka
from tests.rig.waiting import eventually


@pytest.fixture
async def topic(kafka: RealKafka) -> str:
    """Give a new topic of four partitions."""
    name = f"t-{uuid4().hex[:12]}"
    await kafka.create_topics([name])
    return name


@pytest.fixture
def telemetry() -> Telemetry:
    """Give what the publisher counts with."""
    return Telemetry()


@pytest.fixture
def holes(monkeypatch: pytest.MonkeyPatch) -> Holes:
    """Give holes on the way into the next producer."""
    holes = Holes()
    monkeypatch.setattr(package, "way_into", holes.way_into)
    return holes


@pytest.fixture(params=["short", "public"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let batches go the short way into the producer, and the library's public one."""
    name: str = request.param
    if name == "public":
        monkeypatch.setattr(aiokafka_internals, "KNOWN_VERSIONS", frozenset())
    return name


@pytest.fixture
async def publisher(
    kafka: RealKafka, topic: str, telemetry: Telemetry, way: str, holes: Holes
) -> AsyncIterator[Publisher]:
    """Give a started publisher that has seen ``topic``."""
    assert way
    assert not holes.held
    publisher = Publisher(
        {"bootstrap_servers": kafka.bootstrap, "max_batch_size": 512 * 1024, "request_timeout_ms": 10_000},
        telemetry,
        Limits(slow_after=0.5),
    )
    publisher.start()
    await eventually(lambda: not publisher.missing([topic]), "the topic is listed")
    yield publisher
    await publisher.stop(1)


@pytest.fixture
async def writer(publisher: Publisher) -> Keeper:
    """Give a writer that has nothing but Kafka: what that does not take waits for it."""
    return Keeper(publisher, FakeStore(full=True))


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """Open a door with its usual limits."""
    async with opened() as one:
        yield one
