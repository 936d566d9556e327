"""A running program logs why it cannot connect: once, in the terms of ``check``."""

import pytest

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import new_task
from tests.end_to_end.senders import send
from tests.rig.certificates import Authority
from tests.rig.program import Program
from tests.rig.redis import RealRedis, Tls
from tests.rig.secured import SecuredKafka
from tests.rig.waiting import eventually

_K = "BRIDGE_KAFKA__"


def problems_logged(program: Program, event: str) -> list[str]:
    """Give what was logged of it."""
    return [line["problem"] for line in program.log_lines() if line["event"] == event]


@pytest.mark.parametrize(
    ("way", "wrong", "text"),
    [
        (("LOGIN", "SCRAM-SHA-512"), {"SASL_PASSWORD": "wrong"}, "the login was refused"),
        (("CLEAR", "PLAIN"), {"SASL_MECHANISM": "SCRAM-SHA-256"}, "does not offer SCRAM-SHA-256, but PLAIN"),
        (("OUTDATED", ""), {}, "its certificate is out of date"),
        (("STRANGER", ""), {}, "its certificate is for another name"),
    ],
)
async def test_what_is_wrong_with_kafka_is_logged_once(
    secured: SecuredKafka, environment: Environment, way: tuple[str, str], wrong: dict[str, str], text: str
) -> None:
    settings = secured.settings(*way) | {f"{_K}{name}": value for name, value in wrong.items()}
    async with running(environment, settings, wait_for="/livez") as program:
        await eventually(lambda: problems_logged(program, "kafka_diagnosis"), "it is logged")
        assert (await send(program, new_task())).outcome == "spooled"
        assert [text in line for line in problems_logged(program, "kafka_diagnosis")] == [True]
        assert problems_logged(program, "redis_diagnosis") == []


async def test_what_is_wrong_with_redis_is_logged_once_before_anybody_needs_it(
    environment: Environment,
) -> None:
    one, other = Authority("one"), Authority("other")
    server = RealRedis(tls=Tls(pair=one.sign("redis"), ca=one.ca))
    settings = {"BRIDGE_REDIS__URL": server.tls_url, "BRIDGE_REDIS__SSL_CAFILE": str(other.ca)}
    try:
        server.start()
        async with running(environment, settings) as program:
            await eventually(lambda: problems_logged(program, "redis_diagnosis"), "it is logged")

            async def missed() -> bool:
                await send(program, new_task())
                return await program.metric("vod_bridge_dedup_degraded") == 1

            await eventually(missed, "Redis counts as down")
            lines = problems_logged(program, "redis_diagnosis")
            assert ["an authority that is not trusted" in line for line in lines] == [True]
            assert problems_logged(program, "kafka_diagnosis") == []
    finally:
        server.remove()
        one.remove()
        other.remove()


async def test_nothing_is_logged_of_links_that_work(environment: Environment) -> None:
    async with running(environment) as program:
        assert (await send(program, new_task())).outcome == "published"
        await eventually(
            lambda: program.metric("vod_bridge_dedup_claims_total", result="acquired"), "Redis answers"
        )
        assert [problems_logged(program, "kafka_diagnosis"), problems_logged(program, "redis_diagnosis")] == [
            [],
            [],
        ]
