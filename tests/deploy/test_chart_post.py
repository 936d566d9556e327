"""What `helm test` runs in the cluster, run here against the real program, Kafka and Redis."""

import asyncio
import sys
from collections.abc import Mapping

from tests.cli.cli_process import environment
from tests.deploy.chart_rendering import CHART
from tests.end_to_end.environment import Environment
from tests.rig.program import Program
from tests.rig.reaper import watch_process

SCRIPT = CHART / "files" / "post_and_read.py"
WITHIN_S = 120.0


async def test_it_posts_one_notification_and_reads_its_event_back(environment: Environment) -> None:
    async with Program(environment.settings) as program:
        code, said = await _run({**environment.settings, "BRIDGE_URL": program.url})
    assert code == 0, said
    assert f"read back: {environment.other}" in said
    (record,) = await environment.records(*environment.topics)
    assert (record.topic, record.header("ce_type")) == (
        environment.other,
        "com.tencentcloud.vod.BridgeChartTest",
    )


async def test_it_knows_token_and_key_of_the_first_application_that_is_pushed_to(
    environment: Environment,
) -> None:
    settings = {
        **environment.settings,
        "BRIDGE_APPS__MY_SHOP__TOKEN": "a-word",
        "BRIDGE_APPS__MY_SHOP__SIGN_KEYS": "the-old-one,the-new-one",
    }
    async with Program(settings) as program:
        code, said = await _run({**settings, "BRIDGE_URL": program.url})
    assert code == 0, said
    (record,) = await environment.records(*environment.topics)
    assert record.header("ce_source") == "/vod/my-shop"


async def test_it_fails_where_the_ingress_refuses(environment: Environment) -> None:
    async with Program({**environment.settings, "BRIDGE_APPS__MY_SHOP__TOKEN": "a-word"}) as program:
        wrong = {**environment.settings, "BRIDGE_APPS__MY_SHOP__TOKEN": "another", "BRIDGE_URL": program.url}
        code, said = await _run(wrong)
    assert code != 0
    assert "HTTP Error 404" in said


async def test_it_reports_a_missing_topic(environment: Environment) -> None:
    missing = {**environment.settings, "BRIDGE_KAFKA__TOPIC_OTHER": f"{environment.name}.none"}
    code, said = await _run({**missing, "BRIDGE_URL": "http://127.0.0.1:9"})
    assert code != 0
    assert f"{environment.name}.none is missing: vod-bridge topics --create" in said


async def _run(settings: Mapping[str, str]) -> tuple[int, str]:
    """Run it as the pod does, and give exit code and all it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SCRIPT.read_text(encoding="utf-8"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(settings),
    )
    watch_process(process.pid)
    try:
        out, _ = await asyncio.wait_for(process.communicate(), WITHIN_S)
    except TimeoutError:
        process.kill()
        raise
    return process.returncode or 0, out.decode()
