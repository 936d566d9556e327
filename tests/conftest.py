"""What every test may ask for: real parts, made once a run, and how hypothesis looks for counterexamples.

A part that this machine cannot run is skipped with one line that says why, or fails where
BRIDGE_TEST_REQUIRE (``kafka,redis,node,chart``) names it.
"""

import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

from tests.deliveries import Rig
from tests.journey.places import Place
from tests.rig.kafka import RealKafka
from tests.rig.parts import Missing
from tests.rig.redis import RealRedis
from tests.rig.redis_sets import RealCluster, RealSentinel
from tests.rig.secured import SecuredKafka

pytest_plugins = ["tests.tiers", "tests.left_out"]

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

_HEAL = pytest.StashKey[list[Callable[[], None]]]()
_WORKERS = pytest.StashKey[list[int]]()


def pytest_configure(config: pytest.Config) -> None:
    """Leave by way of every clean-up when a runner's time limit sends SIGTERM; so do the workers."""
    config.stash[_HEAL] = []
    config.stash[_WORKERS] = []

    def leave(_number: int, _frame: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough; a second one would cut the clean-up
        for pid in config.stash[_WORKERS]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready(node: Any) -> None:  # noqa: ANN401 - a worker, as pytest-xdist's controller sees it
    """Remember the worker's process, to which SIGTERM is passed on."""
    node.config.stash[_WORKERS].append(node.gateway._rinfo().pid)  # noqa: SLF001 - xdist asked it already


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[RealKafka]:
    """Start a real Kafka; whatever a test does to it is healed before the next one."""
    broker = RealKafka()
    try:
        broker.start()
    except Missing as missing:
        _absent("kafka", missing)
    request.config.stash[_HEAL].append(broker.heal)
    yield broker
    broker.remove()


@pytest.fixture
def own_kafka(kafka: RealKafka) -> RealKafka:
    """Give the same for tests that freeze or kill it, which one that someone else runs must not suffer."""
    if not kafka.ours:
        _absent("kafka", Missing("no Kafka of our own to freeze: BRIDGE_TEST_KAFKA names one"))
    return kafka


@pytest.fixture(scope="module")
def secured(kafka: RealKafka) -> Iterator[SecuredKafka]:
    """Start the Kafka of many listeners, where there can be one of our own at all; one a module."""
    if not kafka.ours:
        pytest.skip("no Kafka of our own to secure: BRIDGE_TEST_KAFKA names one")
    secured = SecuredKafka()
    try:
        secured.kafka.start()
        yield secured
    finally:
        secured.remove()


@pytest.fixture(scope="session")
def redis(request: pytest.FixtureRequest) -> Iterator[RealRedis]:
    """Start a real Redis; whatever a test does to it is healed before the next one."""
    server = RealRedis()
    try:
        server.start()
    except Missing as missing:
        _absent("redis", missing)
    request.config.stash[_HEAL].append(server.heal)
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis_sentinel(redis: RealRedis) -> Iterator[RealSentinel]:
    """Start a master, a replica and their sentinel, where there is a Redis at all."""
    assert redis.pid
    servers = RealSentinel()
    try:
        servers.start()
        yield servers
    finally:
        servers.remove()


@pytest.fixture(scope="session")
def redis_cluster(redis: RealRedis) -> Iterator[RealCluster]:
    """Start a cluster of three masters, where there is a Redis at all."""
    assert redis.pid
    servers = RealCluster()
    try:
        servers.start()
        yield servers
    finally:
        servers.remove()


@pytest.fixture
async def place(kafka: RealKafka, redis: RealRedis) -> Place:
    """Give a place whose topics are there."""
    somewhere = Place(kafka=kafka, redis=redis, name=f"journey-{uuid.uuid4().hex[:8]}")
    redis.flush()
    await kafka.create_topics(somewhere.topics)
    return somewhere


@pytest.fixture
async def own_place(own_kafka: RealKafka, place: Place) -> Place:
    """Give the same for tests that freeze Kafka or cut it off."""
    assert own_kafka is place.kafka
    return place


@pytest.fixture(autouse=True)
def _healed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Thaw and restart what a test froze or killed, so that its failure stays its own."""
    yield
    for heal in request.config.stash[_HEAL]:
        heal()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Give a started pipeline."""
    rig = Rig()
    rig.pipeline.start()
    yield rig
    await rig.pipeline.stop(0.1)


def _absent(part: str, missing: Missing) -> NoReturn:
    if part in os.environ.get("BRIDGE_TEST_REQUIRE", "").split(","):
        pytest.fail(f"required by BRIDGE_TEST_REQUIRE: {missing}", pytrace=False)
    pytest.skip(str(missing))
