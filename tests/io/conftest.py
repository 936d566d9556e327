"""What the tests of the publisher need: a topic, a publisher by each sender, a writer. And an HTTP server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from uuid import uuid4

import aiohttp
import pytest
import uvloop

from bridge import aiokafka_internals
from bridge.delivery.durable_writer import DurableWriter
from bridge.io.kafka import publisher as package
from bridge.io.kafka.limits import PublisherLimits
from bridge.io.kafka.publisher import KafkaPublisher
from bridge.observability.telemetry import Telemetry
from tests.delivery_fakes import FakeSpool
from tests.io.http_server import HttpTestServer, running_server
from tests.io.kafka_helpers import StalledTopics
from tests.rig.certificates import Authority
from tests.rig.kafka import RealKafka
from tests.rig.waiting import eventually


def pytest_asyncio_loop_factories(
    item: pytest.Function,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the event loops that a test runs on, once each: both, where its module says so."""
    if getattr(item.module, "RUNS_ON_BOTH_LOOPS", False):
        return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.SelectorEventLoop}


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    """Give an authority, whose certificates the tests of a module make."""
    one = Authority()
    yield one
    one.remove()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Give a client's session."""
    async with aiohttp.ClientSession() as running:
        yield running


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
def stalled_topics(monkeypatch: pytest.MonkeyPatch) -> StalledTopics:
    """Give topics whose batches the next producer never answers."""
    stalled_topics = StalledTopics()
    monkeypatch.setattr(package, "choose_sender", stalled_topics.choose_sender)
    return stalled_topics


@pytest.fixture(params=["accumulator", "batch_api"])
def sender_name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let batches go by the accumulator sender, and by the library's public API."""
    name: str = request.param
    if name == "batch_api":
        monkeypatch.setattr(aiokafka_internals, "KNOWN_VERSIONS", frozenset())
    return name


@pytest.fixture
async def publisher(
    kafka: RealKafka, topic: str, telemetry: Telemetry, sender_name: str, stalled_topics: StalledTopics
) -> AsyncIterator[KafkaPublisher]:
    """Give a started publisher that has seen ``topic``."""
    assert sender_name
    assert not stalled_topics.stalled
    publisher = KafkaPublisher(
        {"bootstrap_servers": kafka.bootstrap, "max_batch_size": 512 * 1024, "request_timeout_ms": 10_000},
        telemetry,
        PublisherLimits(ack_timeout_s=0.5),
    )
    publisher.start()
    await eventually(lambda: not publisher.missing_topics([topic]), "the topic is listed")
    yield publisher
    await publisher.stop(1)


@pytest.fixture
async def writer(publisher: KafkaPublisher) -> DurableWriter:
    """Give a writer that has nothing but Kafka: what that does not take waits for it."""
    return DurableWriter(publisher, FakeSpool(full=True))


@pytest.fixture
async def server() -> AsyncIterator[HttpTestServer]:
    """Start an ingress with its usual limits."""
    async with running_server() as one:
        yield one
