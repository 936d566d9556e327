"""Kafka, Redis or a topic missing at the start: the program starts, reports it, and catches up."""

import asyncio
from pathlib import Path

from tests.end_to_end.environment import NO_SPOOL, Environment, running
from tests.end_to_end.notifications import edited_id, new_task
from tests.end_to_end.senders import (
    ANSWERED_AFTER_LONG_HOLD_S,
    LONG_HOLD_S,
    LONG_HOLD_SETTINGS,
    send,
)
from tests.rig.program import Program
from tests.rig.waiting import eventually


async def is_ready(program: Program) -> bool:
    return (await program.admin("/readyz")).status == 200


async def test_without_kafka_it_lives_unready_and_publishes_what_it_held_once_kafka_comes(
    own_environment: Environment,
) -> None:
    settings = NO_SPOOL | LONG_HOLD_SETTINGS
    settings |= {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": own_environment.kafka.proxied}
    given_up, held = new_task(), new_task()
    with own_environment.kafka.open_proxy() as network:
        network.refuse()
        async with running(own_environment, settings, wait_for="/livez") as program:
            readiness = await program.admin("/readyz")
            silence = await send(program, given_up)
            sending = asyncio.create_task(send(program, held))
            await eventually(lambda: program.metric("vod_bridge_deliveries_held"), "the delivery is held")
            network.resume()
            sent = await sending
            await eventually(lambda: is_ready(program), "ready")
            again = await send(program, given_up)

    assert readiness.status == 503
    assert readiness.json["degraded"]
    assert silence.status == 503
    assert LONG_HOLD_S <= silence.seconds < ANSWERED_AFTER_LONG_HOLD_S
    assert (sent.status, sent.outcome) == (200, "published")
    assert (again.status, again.outcome) == (200, "published")
    assert await own_environment.ids() == sorted(map(edited_id, (given_up, held)))


async def test_before_the_first_delivery_it_reports_what_is_missing(
    own_environment: Environment, tmp_path: Path
) -> None:
    await own_environment.kafka.delete_topics([own_environment.events])
    own_environment.redis.stop()
    (tmp_path / "file").touch()
    app, token = "BRIDGE_APPS__MY_SHOP", "s3cret-t0ken-of-the-shop"
    settings = {
        "BRIDGE_SPOOL__PATH": str(tmp_path / "file" / "spool"),
        f"{app}__TOKEN": token,
        f"{app}__SIGN_KEY": "0123456789abcdef",
    }
    async with running(own_environment, settings, wait_for="/livez") as program:

        async def degraded_parts() -> list[str]:
            degraded = await program.degraded()
            parts = ("redis: unavailable", "missing (", "spool: ")
            return degraded if all(part in str(degraded) for part in parts) else []

        degraded = await eventually(degraded_parts, "all three are reported")
        gauges = ("vod_bridge_dedup_degraded", "vod_bridge_kafka_topics_missing", "vod_bridge_spool_failing")
        assert [await program.metric(name) for name in gauges] == [1, 1, 1]
        assert await program.metric("vod_bridge_deliveries_total") == 0
        await eventually(lambda: "topics_missing" in program.log(), "the missing topic is logged")
        log = program.log_lines()

    assert any(f"1 topic missing ({own_environment.events})" in one for one in degraded)
    lines = {line["event"]: line for line in log}
    assert lines["topics_missing"]["first"] == [own_environment.events]
    assert "BRIDGE_SPOOL__PATH" in lines["spool_unavailable"]["remedy"]
    assert "dedup_unavailable" in lines
    assert lines["listening"]["callbacks"] == ["/callbacks/my-shop/***"]
    assert token not in str(log)
    assert [line["event"] for line in log].count("topics_missing") == 1


async def test_without_redis_it_is_ready_and_publishes_unchecked_until_redis_comes(
    environment: Environment,
) -> None:
    unchecked, checked = new_task(), new_task()
    environment.redis.stop()
    async with running(environment) as program:
        assert (await send(program, unchecked)).outcome == "published"
        environment.redis.start()

        async def whole() -> bool:
            await send(program, new_task())
            return await program.is_well()

        await eventually(whole, "Redis is asked", every_s=0.2)
        assert [(await send(program, checked)).outcome for _ in range(2)] == ["published", "duplicate"]

    stamps = {event["task_id"]: event["delivery"]["deduplicated"] for event in await environment.published()}
    assert (stamps[unchecked], stamps[checked]) == (False, True)


async def test_an_event_without_its_topic_is_held_and_published_once_the_topic_is_there(
    environment: Environment,
) -> None:
    await environment.kafka.delete_topics([environment.events])
    given_up, held = new_task(), new_task()
    async with running(environment, NO_SPOOL | LONG_HOLD_SETTINGS, wait_for="/livez") as program:
        silence = await send(program, given_up)
        readiness = await program.admin("/readyz")
        sending = asyncio.create_task(send(program, held))
        await eventually(lambda: program.metric("vod_bridge_deliveries_held"), "the delivery is held")
        await environment.kafka.create_topics([environment.events])
        sent = await sending
        await eventually(lambda: is_ready(program), "ready")
        rejected = await program.post(b"no notification")

    assert silence.status == 503
    assert LONG_HOLD_S <= silence.seconds < ANSWERED_AFTER_LONG_HOLD_S
    assert readiness.status == 503
    assert any(environment.events in reason for reason in readiness.json["degraded"])
    assert (sent.status, sent.outcome) == (200, "published")
    assert sent.seconds < ANSWERED_AFTER_LONG_HOLD_S
    assert rejected.status == 422
    assert await environment.ids() == [edited_id(held)]


async def test_a_missing_topic_holds_up_no_other(environment: Environment) -> None:
    await environment.kafka.delete_topics([environment.dead_letters])
    async with running(environment, NO_SPOOL, wait_for="/livez") as program:
        lost = asyncio.create_task(program.post(b"no notification"))
        results = [await send(program, new_task()) for _ in range(20)]
        assert (await lost).status == 503

    assert {sent.outcome for sent in results} == {"published"}
