"""The consumer needs what its extra installs, and imports nothing else."""

import subprocess
from pathlib import Path

from tests.consumer.isolated_readers import Readers
from tests.consumer.records import ConsumerEnvironment
from tests.rig.waiting import eventually

FOREIGN = ("aiohttp", "redis", "pydantic", "structlog", "prometheus_client", "typer", "rich", "uvloop")
ASK = "import bridge.consumer, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def _run_python(readers: Readers, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the test's own command
        readers.command("-c", code), env=readers.env, capture_output=True, text=True, timeout=60, check=False
    )


def test_importing_it_imports_no_server_no_redis_and_no_settings(readers: Readers) -> None:
    process = _run_python(readers, ASK)
    assert process.returncode == 0, process.stderr
    modules = set(process.stdout.split())
    assert modules >= {"bridge", "aiokafka", "msgspec"}
    assert not modules & set(FOREIGN)


def test_what_its_extra_installs_is_all_there_is_for_these_tests(readers: Readers, packages: Path) -> None:
    assert _run_python(readers, "import aiohttp").returncode
    assert {path.name for path in packages.iterdir()} >= {"bridge", "aiokafka", "msgspec"}
    assert not {path.name for path in packages.iterdir()} & set(FOREIGN)


async def test_it_reads_from_kafka_with_these_packages_alone(
    consumer_env: ConsumerEnvironment, readers: Readers
) -> None:
    await consumer_env.create("TranscodeComplete")
    await consumer_env.publish_transcoded([1, 2, 3])
    readers.start("alone", form="loop", options=consumer_env.options)
    await eventually(lambda: len(readers.events_read("alone")) == 3, "all three are read")
