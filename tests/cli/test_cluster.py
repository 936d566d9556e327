"""``topics``, ``check`` and ``tail`` against a real Kafka and a real Redis."""

import json

import pytest
from aiokafka import AIOKafkaProducer

from bridge.cli.topics import expected_topics
from bridge.settings.settings import load
from tests.cli.cli_process import CommandResult, vod_bridge
from tests.cli.topic_count import TOPICS
from tests.rig.kafka import RealKafka
from tests.rig.parts import free_port
from tests.rig.redis import RealRedis

HEADERS = [
    ("ce_id", b"NewFileUpload:f"),
    ("ce_source", b"/vod/default"),
    ("ce_type", b"com.tencentcloud.vod.NewFileUpload"),
]
EVENT = b'{"id":"NewFileUpload:f","type":"NewFileUpload","app":"default","outcome":"succeeded","file_id":"f"}'


def _settings(kafka: RealKafka, redis: RealRedis, **more: str) -> dict[str, str]:
    return {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap, "BRIDGE_REDIS__URL": redis.url, **more}


def _own_topics(prefix: str) -> dict[str, str]:
    """Topics of one test's own."""
    return {
        "BRIDGE_KAFKA__TOPIC": f"{prefix}.{{type}}",
        "BRIDGE_KAFKA__TOPIC_OTHER": f"{prefix}.other",
        "BRIDGE_KAFKA__TOPIC_DEAD_LETTER": f"{prefix}.dead",
    }


async def _findings(settings: dict[str, str]) -> dict[str, tuple[str, str]]:
    result = await vod_bridge("check", "--json", settings=settings)
    report = json.loads(result.out)
    assert result.code == (1 if report["failed"] else 0)
    return {
        found["check"]: (found["state"], found["message"] + found["remedy"]) for found in report["findings"]
    }


async def test_topics_are_listed_made_once_and_as_promised(kafka: RealKafka, redis: RealRedis) -> None:
    settings = _settings(kafka, redis, **_own_topics("made"))
    before = await vod_bridge("topics", settings=settings)
    assert before.code == 1
    assert "made.NewFileUpload" in before.out
    assert f"missing: {TOPICS} of {TOPICS} topics; `vod-bridge topics --create`" in before.err
    planned = await vod_bridge("topics", "--dry-run", settings=settings)
    assert planned.code == 0
    assert "would make made.dead: partitions=4, replication=1" in planned.out
    assert "retention.ms=2592000000" in planned.out
    assert (
        await vod_bridge("topics", "--create", settings=settings)
    ).out == f"{TOPICS} topics made, 0 there before\n"
    assert (
        await vod_bridge("topics", "--create", settings=settings)
    ).out == f"0 topics made, {TOPICS} there before\n"
    assert (await vod_bridge("topics", settings=settings)).code == 0
    listed = await vod_bridge("topics", "--json", settings=settings)
    entry = {"topic": "made.dead", "exists": True, "partitions": 4, "replication": 1}
    assert (listed.code, entry in json.loads(listed.out)) == (0, True)
    missing = await vod_bridge(
        "topics", "--json", settings=settings | {"BRIDGE_KAFKA__TOPIC_OTHER": "made.not"}
    )
    assert (missing.code, {"topic": "made.not", "exists": False} in json.loads(missing.out)) == (1, True)
    assert (await vod_bridge("topics", "--json", "--create", settings=settings)).code == 2


async def test_check_names_missing_topics_and_the_command_that_makes_them(
    kafka: RealKafka, redis: RealRedis
) -> None:
    settings = _settings(kafka, redis, **_own_topics("checked"))
    state, words = (await _findings(settings))["kafka topics"]
    assert state == "failed"
    assert f"{TOPICS} of {TOPICS} are missing: checked.AigcHunyuan3DTaskComplete" in words
    assert "`vod-bridge topics --create`" in words
    assert (await vod_bridge("topics", "--create", settings=settings)).out.startswith(f"{TOPICS} topics made")
    found = await _findings(settings)
    assert [f"{check}: {text}" for check, (state, text) in found.items() if state == "failed"] == []
    # One broker cannot do better, and an unsigned application without a token is open to the world.
    warned = {check for check, (state, _) in found.items() if state == "warning"}
    assert warned == {"settings", "kafka replication", "kafka in-sync"}
    assert "anyone who reaches the port can publish" in found["settings"][1]


async def test_check_fails_on_a_compacted_topic(kafka: RealKafka, redis: RealRedis) -> None:
    settings = _settings(kafka, redis, **_own_topics("compacted"))
    await kafka.create_topics(["compacted.other"], configs={"cleanup.policy": "compact,delete"})
    state, words = (await _findings(settings))["kafka cleanup"]
    assert state == "failed"
    assert "set cleanup.policy=delete" in words


async def test_check_reports_a_listener_that_cannot_be_reached(kafka: RealKafka, redis: RealRedis) -> None:
    with kafka.open_proxy() as proxy:
        # Bootstrap by an address that answers; the broker then sends clients to one that does not.
        second = type(proxy)(target_port=kafka._behind)  # noqa: SLF001 - the port behind the rig's own proxy
        with second:
            proxy.refuse()
            found = await _findings(_settings(kafka, redis, BRIDGE_KAFKA__BOOTSTRAP_SERVERS=second.address))
    assert found["kafka address"][0] == "ok"
    state, words = found["kafka listener"]
    assert state == "failed"
    assert "advertised.listeners" in words
    assert kafka.proxied in words


@pytest.mark.parametrize(
    ("address", "words"),
    [("nowhere.invalid:9092", "the name nowhere.invalid is not known here"), ("127.0.0.1:1", "refused")],
)
async def test_check_distinguishes_wrong_addresses(redis: RealRedis, address: str, words: str) -> None:
    settings = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": address, "BRIDGE_REDIS__URL": redis.url}
    state, result = (await _findings(settings))["kafka address"]
    assert state == "failed"
    assert words in result


async def test_check_reports_a_silent_kafka_and_a_silent_redis(kafka: RealKafka, redis: RealRedis) -> None:
    with redis.open_proxy() as redis_proxy, kafka.open_proxy() as kafka_proxy:
        redis_proxy.stall()
        kafka_proxy.stall()
        found = await _findings(
            {
                "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": kafka_proxy.address,
                "BRIDGE_REDIS__URL": f"redis://{redis_proxy.address}/0",
            }
        )
    assert "no answer within 5 s" in found["redis address"][1]
    assert "does not respond within 5 s" in found["kafka address"][1]


@pytest.mark.parametrize(
    ("users", "user", "check", "words"),
    [
        ((), "", "redis address", "answers"),
        (("default off", "bridge on >pw ~* +@all"), "bridge:no@", "redis login", "the login was refused"),
        (("bridge on >pw ~vod:* +@all -@scripting",), "bridge:pw@", "redis scripts", "+evalsha +eval"),
        (("bridge on >pw ~other:* +@all",), "bridge:pw@", "redis scripts", "on ~vod:*"),
    ],
)
@pytest.mark.services
async def test_check_reports_what_a_redis_forbids(
    users: tuple[str, ...], user: str, check: str, words: str
) -> None:
    server = RealRedis(users=users)
    server.start()
    try:
        found = await _findings(
            {
                "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
                "BRIDGE_REDIS__URL": server.url.replace("//", f"//{user}"),
            }
        )
    finally:
        server.remove()
    assert words in found[check][1]
    assert found[check][0] == ("failed" if user else "ok")


@pytest.mark.services
async def test_check_fails_on_a_redis_that_forgets_when_it_is_full() -> None:
    server = RealRedis(settings={"maxmemory": "50mb", "maxmemory-policy": "allkeys-lru"})
    server.start()
    try:
        found = await _findings(
            {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "BRIDGE_REDIS__URL": server.url}
        )
    finally:
        server.remove()
    state, words = found["redis eviction"]
    assert state == "failed"
    assert "set maxmemory-policy to noeviction" in words


async def test_tail_shows_what_is_there_filtered_and_ends_after_so_many(
    kafka: RealKafka, redis: RealRedis
) -> None:
    settings = _settings(kafka, redis, **_own_topics("tailed"))
    await kafka.create_topics(["tailed.NewFileUpload", "tailed.dead"])
    await _write(kafka, "tailed.NewFileUpload", EVENT, HEADERS)
    await _write(kafka, "tailed.dead", b"{", [("reason", b"malformed"), ("app", b"default")])

    async def tail(*words: str) -> CommandResult:
        result = await vod_bridge("tail", "--from-beginning", *words, settings=settings)
        assert result.code == 0, result.err
        return result

    both = await tail("--max", "2")
    assert "NewFileUpload  default  succeeded  file f" in both.out
    assert "dead letter  default  malformed" in both.out
    assert "\x1b" not in both.out
    one = await tail("--max", "1", "--type", "NewFileUpload", "--app", "default", "--json")
    record = json.loads(one.out)
    assert (record["topic"], record["headers"]["ce_id"]) == ("tailed.NewFileUpload", "NewFileUpload:f")
    assert record["value"]["file_id"] == "f"


async def test_tail_reports_why_kafka_cannot_be_reached_and_what_else_can_be_asked() -> None:
    settings = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    result = await vod_bridge("tail", settings=settings)
    assert result.code == 1
    why, instead = result.err.splitlines()
    assert why.startswith("error: Kafka at 127.0.0.1:")
    assert "`vod-bridge tail --api http://<bridge>:9090` asks the bridge" in instead


def test_the_topics_are_one_a_type_and_those_for_the_rest() -> None:
    expected = expected_topics(load(None, {}))
    assert len(expected) == TOPICS
    assert {"vod.other", "vod.dead-letter", "vod.NewFileUpload"} < set(expected)


async def _write(kafka: RealKafka, topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, value, headers=headers)
    await producer.stop()
