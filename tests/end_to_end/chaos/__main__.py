"""Runs scenarios on a real Kafka and Redis: ``python -m tests.end_to_end.chaos [--short] [SCENARIO ...]``."""

import argparse
import asyncio
import logging
import os
import sys
import uuid
from contextlib import ExitStack
from pathlib import Path

import uvloop

from tests.end_to_end.chaos.faults import FAULTS
from tests.end_to_end.chaos.records import TOPIC_SETTINGS
from tests.end_to_end.chaos.report import as_text, write
from tests.end_to_end.chaos.run import Plan, RunResult
from tests.end_to_end.chaos.scenarios import ON_THREE_BROKERS, SCENARIOS, run_scenario
from tests.end_to_end.chaos.vendor import Load
from tests.end_to_end.environment import Environment
from tests.rig.kafka import RealKafka
from tests.rig.kafka_cluster import KafkaCluster
from tests.rig.parts import MissingPartError
from tests.rig.redis import RealRedis

SHORT_EVENTS = 3_000


def main() -> int:
    """Run what was asked for; 1 where something is not explained, 2 where this machine cannot."""
    parser = argparse.ArgumentParser(prog="make chaos ARGS=...", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; default: faults"
    )
    parser.add_argument("--short", action="store_true", help="the faults that CI injects, about a minute")
    parser.add_argument("--events", type=int, help="notifications at least (20,000; short: 3,000)")
    parser.add_argument("--per-s", type=float, default=Load().per_s, help="notifications a second")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)), help="of what is random")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME", help=f"of {', '.join(FAULTS)}"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write a report there")
    asked = parser.parse_args()
    for given, known in ((asked.scenarios, SCENARIOS), (asked.fault, FAULTS)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
    plan = Plan(
        faults=tuple(asked.fault) or tuple(FAULTS),
        events=asked.events or (SHORT_EVENTS if asked.short else Plan().events),
        seed=asked.seed,
        load=Load(per_s=asked.per_s),
        short=asked.short and not asked.fault,
    )
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        found = uvloop.run(_run_all(asked.scenarios or ["faults"], plan))
    except MissingPartError as missing:
        sys.stderr.write(f"cannot run_scenario: {missing}\n")
        return 2
    if asked.json:
        write(asked.json, found)
    return 0 if all(one.good for one in found.values()) else 1


async def _run_all(names: list[str], plan: Plan) -> dict[str, RunResult]:
    found: dict[str, RunResult] = {}
    sys.stdout.write(f"seed {plan.seed}\n")
    with ExitStack() as stack:
        redis = RealRedis()
        stack.callback(redis.remove)
        redis.start()
        if not set(names) <= set(ON_THREE_BROKERS):
            kafka = RealKafka()
            stack.callback(kafka.remove)
            await asyncio.to_thread(kafka.start)
        for name in names:
            sys.stdout.write(f"\n{name}: {(SCENARIOS[name].__doc__ or '').strip()}\n")
            redis.flush()
            topics = f"chaos-{uuid.uuid4().hex[:8]}"
            if name in ON_THREE_BROKERS:
                with KafkaCluster() as brokers:
                    environment = Environment(
                        kafka=brokers.brokers[0], redis=redis, name=topics, brokers=brokers
                    )
                    await brokers.create_topics(environment.topics, configs=TOPIC_SETTINGS)
                    found[name] = await run_scenario(name, environment, plan)
            else:
                environment = Environment(kafka=kafka, redis=redis, name=topics)
                await kafka.create_topics(environment.topics, configs=TOPIC_SETTINGS)
                found[name] = await run_scenario(name, environment, plan)
            sys.stdout.write(as_text(name, found[name]))
    return found


if __name__ == "__main__":
    sys.exit(main())
