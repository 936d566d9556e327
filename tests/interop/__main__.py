"""Lets the real bridge publish every example to a real Kafka, and holds what each consumer prints against it.

Ends with 0 where every consumer told every event's id, type, key and outcome, in the order of its key; with 1
where one did not, or could not run here.
"""

import asyncio
import json
import sys
import uuid
from collections.abc import Sequence

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import published_payloads
from tests.interop import models
from tests.interop.consumers import CONSUMERS
from tests.rig.consume import Consumed
from tests.rig.kafka import RealKafka
from tests.rig.parts import MissingPartError
from tests.rig.redis import RealRedis

READ_WITHIN_S = 120.0

Told = tuple[str, str, str, str]


async def published(environment: Environment) -> list[Consumed]:
    """Post every example, and give what stands in Kafka then."""
    await environment.kafka.create_topics(environment.topics)
    async with running(environment) as program:
        for case in published_payloads():
            environment.redis.flush()  # examples of one occurrence are not to meet
            answer = await program.post(case.read_bytes())
            if answer.status not in (200, 422):
                raise RuntimeError(f"{case.name} was answered {answer.status}")
    return await environment.records(environment.events, environment.other)


async def lines_of(command: Sequence[str], count: int) -> list[Told]:
    """Run a consumer until it has told so many events; fewer where it ends or stays silent."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    told: list[Told] = []
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            while len(told) < count and (line := await process.stdout.readline()):
                event_id, kind, key, outcome, *_ = line.decode().rstrip("\n").split("\t")
                told.append((event_id, kind, key, outcome))
    except TimeoutError:
        sys.stderr.write(f"only {len(told)} of {count} events within {READ_WITHIN_S:.0f} s\n")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    return told


def expected(records: Sequence[Consumed]) -> list[Told]:
    """Say what a consumer has to tell, in the order of each partition."""
    return [
        (
            json.loads(record.value)["id"],
            record.header("ce_type"),
            (record.key or b"").decode(),
            record.header("ce_outcome"),
        )
        for record in records
    ]


def faults(told: Sequence[Told], wanted: Sequence[Told]) -> list[str]:
    """Compare what was told with what stands in Kafka: all of it, and nothing else."""
    missing = [one for one in wanted if one not in told]
    surplus = [one for one in told if one not in wanted]
    found = [f"not told: {one}" for one in missing] + [f"made up: {one}" for one in surplus]
    if len(told) != len(wanted):
        found.append(f"{len(told)} events told, {len(wanted)} stand there")
    return found


def disorders(told: Sequence[Told], wanted: Sequence[Told]) -> list[str]:
    """Compare the order of each key's events on one topic; between topics none is promised."""
    return [
        f"another order of key {key}"
        for key in dict.fromkeys(one[2] for one in wanted)
        if [one for one in wanted if one[2] == key]
        != [one for one in told if one[2] == key and one in wanted]
    ]


async def compare(kafka: RealKafka, redis: RealRedis) -> int:
    """Let each consumer read; give the exit code."""
    environment = Environment(kafka=kafka, redis=redis, name=f"interop-{uuid.uuid4().hex[:8]}")
    records = await published(environment)
    wanted = expected(records)
    by_topic = [
        expected([record for record in records if record.topic == topic])
        for topic in (environment.events, environment.other)
    ]
    sys.stdout.write(f"{len(wanted)} events stand in Kafka\n")
    failed = False
    for language, made in CONSUMERS.items():
        try:
            command = await asyncio.to_thread(made)
        except MissingPartError as missing:
            sys.stderr.write(f"{language}: {missing}\n")
            failed = True
            continue
        words = [
            *command,
            kafka.bootstrap,
            f"{environment.name}-{language}",
            environment.events,
            environment.other,
        ]
        told = await lines_of(words, len(wanted))
        found = faults(told, wanted) + [fault for one in by_topic for fault in disorders(told, one)]
        sys.stdout.write(f"{language}: {len(told)} events told, {len(found)} faults\n")
        sys.stderr.writelines(f"{language}: {fault}\n" for fault in found)
        failed = failed or bool(found)
    return int(failed)


def main(arguments: Sequence[str]) -> int:
    """Compare the models, then start the parts, compare the consumers, and remove the parts."""
    failed = models.compare()
    if "models" in arguments:
        return failed
    kafka, redis = RealKafka(), RealRedis()
    try:
        kafka.start()
        redis.start()
        return asyncio.run(compare(kafka, redis)) or failed
    except MissingPartError as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    finally:
        kafka.remove()
        redis.remove()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
