"""A program around `Consumer.run`, as a person starts and ends it."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from bridge.consumer import Consumer, KafkaUnreachableError, subscribe
from tests.consumer.records import ConsumerEnvironment
from tests.rig.parts import ROOT, free_port

WITHIN_S = 60
PROGRAM = """
import asyncio, json, sys
from bridge.consumer import Consumer

consumer = Consumer(**json.loads(sys.argv[1]))

@consumer.on("TranscodeComplete")
async def handle(event):
    print("handling", event.task_id, flush=True)
    await asyncio.sleep(float(sys.argv[2]))
    print("handled", event.task_id, flush=True)

asyncio.run(consumer.run())
print("ended", flush=True)
"""


async def _start_program(options: dict[str, Any], takes_s: float) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, json.dumps(options), str(takes_s)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), WITHIN_S)).decode().strip()


async def test_ctrl_c_finishes_what_is_in_progress_and_prints_nothing(
    consumer_env: ConsumerEnvironment,
) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers")
    await consumer_env.publish_transcoded(range(1))
    process = await _start_program(
        consumer_env.options | {"dead_letter_topic": consumer_env.dead_letter_topic}, 0.5
    )
    assert await _line(process) == "handling 0"
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert out.decode().splitlines() == ["handled 0", "ended"]
    assert (process.returncode, b"Traceback" in err, b"KeyboardInterrupt" in err) == (0, False, False)
    assert await consumer_env.committed() == 1


async def test_a_second_ctrl_c_waits_for_nothing(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", "dead-letter.readers")
    await consumer_env.publish_transcoded(range(1))
    options = consumer_env.options | {
        "dead_letter_topic": consumer_env.dead_letter_topic,
        "drain_timeout_s": 600,
    }
    process = await _start_program(options, 600)
    assert await _line(process) == "handling 0"
    while process.returncode is None:  # the first is taken before the second, however busy the machine is
        process.send_signal(signal.SIGINT)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 1)
    assert process.returncode != 0


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ("127.0.0.1:{free}", "127.0.0.1:{free}: refused, nothing listens on this port"),
        (["no-such-host.invalid:9092"], "the name is not known here, check its spelling and the DNS"),
        (
            "127.0.0.1:{free},127.0.0.1:{other}",
            "127.0.0.1:{other}: it accepts connections, but the Kafka handshake failed",
        ),
    ],
)
async def test_where_kafka_cannot_be_reached_the_error_gives_the_reason_of_each_address(
    servers: str | Sequence[str], expected: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = {"free": free_port(), "other": other.getsockname()[1]}
        named = servers.format(**ports) if isinstance(servers, str) else servers
        consumer = Consumer(group="g", bootstrap_servers=named, request_timeout_ms=500)
        consumer.on("TranscodeComplete")(_nothing)
        with pytest.raises(KafkaUnreachableError) as caught:
            await consumer.run()
    assert expected.format(**ports) in str(caught.value)
    assert isinstance(caught.value, KafkaConnectionError)  # the class that aiokafka raises
    assert caught.value.__suppress_context__


async def test_the_loop_raises_it_too() -> None:
    with pytest.raises(KafkaUnreachableError, match="nothing listens on this port"):
        async for _ in subscribe("ClipComplete", group="g", bootstrap_servers=f"127.0.0.1:{free_port()}"):
            pass


async def _nothing(event: object) -> None:
    del event
