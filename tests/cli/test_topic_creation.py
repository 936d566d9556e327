"""Topics on a cluster that does not allow every value: the nearest allowed one is used, and reported."""

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from bridge.operations.kafka_admin import CreateFailure, NewTopic, describe_cluster, topic_settings
from bridge.operations.topic_creation import create_with_fallbacks
from tests.cli.cli_process import vod_bridge
from tests.cli.topic_count import TOPICS
from tests.rig.kafka import RealKafka
from tests.rig.kafka_jars import java_command

MIB = 1024 * 1024
WANTED = {"cleanup.policy": "delete", "max.message.bytes": str(16 * MIB), "min.insync.replicas": "2"}


class FakeCluster:
    """Makes topics by a rule: why one is refused, empty where it is made."""

    def __init__(self, rule: Callable[[NewTopic], str], code: str = "POLICY_VIOLATION") -> None:
        self.created: dict[str, Mapping[str, str]] = {}
        self._rule = rule
        self._code = code

    async def __call__(
        self, topics: Sequence[NewTopic], *, validate_only: bool
    ) -> Mapping[str, CreateFailure | None]:
        """Answer as Kafka does."""
        failures = {topic.name: self._rule(topic) for topic in topics}
        if not validate_only:
            self.created |= {topic.name: topic.settings for topic in topics if not failures[topic.name]}
        return {
            name: CreateFailure(code=self._code, message=failure) if failure else None
            for name, failure in failures.items()
        }


def topic(name: str = "vod.a", **settings: str) -> NewTopic:
    return NewTopic(name=name, partitions=4, replication=3, settings=WANTED | settings)


def capped(name: str, most: int) -> Callable[[NewTopic], str]:
    return lambda requested: "too much" if int(requested.settings.get(name, "1")) > most else ""


async def test_what_is_allowed_is_made_as_it_is() -> None:
    cluster = FakeCluster(lambda _: "")
    creation = await create_with_fallbacks([topic()], cluster)
    assert (creation.failures, creation.concessions) == ({}, [])
    assert cluster.created == {"vod.a": WANTED}


@pytest.mark.parametrize("most", [8 * MIB, 1_048_588, 10_000_001])
async def test_a_capped_size_is_the_most_that_is_allowed(most: int) -> None:
    cluster = FakeCluster(capped("max.message.bytes", most))
    creation = await create_with_fallbacks([topic("vod.a"), topic("vod.b")], cluster)
    assert creation.failures == {}
    assert cluster.created == dict.fromkeys(["vod.a", "vod.b"], WANTED | {"max.message.bytes": str(most)})
    assert len(creation.concessions) == 1
    assert creation.concessions[0].startswith(f"max.message.bytes={most} instead of {16 * MIB}, the most")


async def test_two_values_may_be_capped_and_unlimited_is_a_long_time() -> None:
    rules = [capped("max.message.bytes", MIB), capped("retention.ms", 86_400_000)]

    def rule(requested: NewTopic) -> str:
        if requested.settings.get("retention.ms") == "-1":
            return "for ever is too long"
        return "".join(one(requested) for one in rules)

    cluster = FakeCluster(rule)
    await create_with_fallbacks([topic("vod.dead-letter", **{"retention.ms": "-1"})], cluster)
    assert cluster.created["vod.dead-letter"] == WANTED | {
        "max.message.bytes": str(MIB),
        "retention.ms": "86400000",
    }


async def test_a_setting_that_may_not_be_named_is_left_out_and_the_others_stay() -> None:
    cluster = FakeCluster(lambda requested: "no" if "min.insync.replicas" in requested.settings else "")
    creation = await create_with_fallbacks([topic()], cluster)
    assert cluster.created["vod.a"] == {
        name: WANTED[name] for name in ("cleanup.policy", "max.message.bytes")
    }
    assert [line.split()[0] for line in creation.concessions] == ["min.insync.replicas=2"]


async def test_what_is_refused_whatever_is_given_up_stays_refused() -> None:
    creation = await create_with_fallbacks([topic()], FakeCluster(lambda _: "never"))
    assert [str(failure) for failure in creation.failures.values()] == ["never"]


async def test_a_missing_right_is_no_matter_of_settings() -> None:
    requested = []

    def rule(topic: NewTopic) -> str:
        requested.append(topic)
        return "no right"

    creation = await create_with_fallbacks([topic()], FakeCluster(rule, "TOPIC_AUTHORIZATION_FAILED"))
    assert (len(requested), list(creation.failures)) == (1, ["vod.a"])


POLICY = """
import java.util.Map;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.apache.kafka.server.policy.CreateTopicPolicy;

public class CapPolicy implements CreateTopicPolicy {
    public void configure(Map<String, ?> configs) {}
    public void validate(RequestMetadata topic) {
        String size = topic.configs().get("max.message.bytes");
        if (size != null && Long.parseLong(size) > 8388608L) {
            throw new PolicyViolationException("messages of at most 8 MiB");
        }
    }
    public void close() {}
}
"""


@pytest.fixture
def policy(tmp_path: Path, kafka: RealKafka) -> Path:
    """Compile the policy of a cluster that caps the size of messages."""
    javac = shutil.which("javac")
    if javac is None or not kafka.ours:
        pytest.skip("kafka: no compiler for a policy (javac is not on PATH): install a JDK")
    _, jars = java_command()
    source = tmp_path / "CapPolicy.java"
    source.write_text(POLICY)
    quick = ["-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-proc:none"]
    command = [javac, *quick, "-cp", jars, "-d", str(tmp_path), str(source)]
    subprocess.run(command, check=True, timeout=120)  # noqa: S603
    return tmp_path


async def test_on_a_real_cluster_whose_policy_caps_the_size_all_topics_are_made(policy: Path) -> None:
    kafka = RealKafka(settings={"create.topic.policy.class.name": "CapPolicy"}, classes=policy)
    try:
        kafka.start()
        settings = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap}
        result = await vod_bridge(
            "topics", "--create", "--partitions", "2", "--retention", "3d", settings=settings
        )
        assert (result.code, result.out) == (0, f"{TOPICS} topics made, 0 there before\n")
        assert result.err.count("\n") == 1
        assert "warning: max.message.bytes=8388608 instead of 16777216" in result.err
        assert "dead letter, reason too_large" in result.err
        options = {"bootstrap_servers": kafka.bootstrap}
        cluster = await describe_cluster(options)
        assert cluster.topics["vod.NewFileUpload"].partitions == 2
        made = await topic_settings(
            cluster.controller_address, options, ["vod.NewFileUpload", "vod.dead-letter"]
        )
        assert {one["max.message.bytes"] for one in made.values()} == {"8388608"}
        assert made["vod.NewFileUpload"]["retention.ms"] == str(3 * 86_400_000)
        assert made["vod.dead-letter"]["retention.ms"] == str(30 * 86_400_000)
    finally:
        kafka.remove()


@pytest.mark.parametrize(
    "options",
    [["--retention", "soon"], ["--retention", "0d"], ["--partitions", "0"], ["--replication", "-1"]],
)
async def test_a_value_that_cannot_be_is_refused(options: Sequence[str]) -> None:
    result = await vod_bridge("topics", "--create", *options)
    assert result.code == 2
    assert options[0] in result.err
