"""What `helm test` runs in the cluster, run here against the real program, Kafka and Redis."""

import asyncio
import sys
from collections.abc import Mapping

from tests.cli.running import environment
from tests.deploy.chart_rendering import CHART
from tests.journey.places import Place
from tests.rig.program import Program
from tests.rig.reaper import watch_process

SCRIPT = CHART / "files" / "post_and_read.py"
WITHIN_S = 120.0


async def test_it_posts_one_notification_and_reads_its_event_back(place: Place) -> None:
    async with Program(place.settings) as program:
        code, said = await _run({**place.settings, "BRIDGE_URL": program.url})
    assert code == 0, said
    assert f"read back: {place.other}" in said
    (record,) = await place.records(*place.topics)
    assert (record.topic, record.header("ce_type")) == (place.other, "com.tencentcloud.vod.BridgeChartTest")


async def test_it_knows_token_and_key_of_the_first_application_that_is_pushed_to(place: Place) -> None:
    settings = {
        **place.settings,
        "BRIDGE_APPS__MY_SHOP__TOKEN": "a-word",
        "BRIDGE_APPS__MY_SHOP__SIGN_KEYS": "the-old-one,the-new-one",
    }
    async with Program(settings) as program:
        code, said = await _run({**settings, "BRIDGE_URL": program.url})
    assert code == 0, said
    (record,) = await place.records(*place.topics)
    assert record.header("ce_source") == "/vod/my-shop"


async def test_it_fails_where_the_door_refuses(place: Place) -> None:
    async with Program({**place.settings, "BRIDGE_APPS__MY_SHOP__TOKEN": "a-word"}) as program:
        wrong = {**place.settings, "BRIDGE_APPS__MY_SHOP__TOKEN": "another", "BRIDGE_URL": program.url}
        code, said = await _run(wrong)
    assert code != 0
    assert "HTTP Error 404" in said


async def test_it_says_so_where_the_topic_is_missing(place: Place) -> None:
    missing = {**place.settings, "BRIDGE_KAFKA__TOPIC_OTHER": f"{place.name}.none"}
    code, said = await _run({**missing, "BRIDGE_URL": "http://127.0.0.1:9"})
    assert code != 0
    assert f"{place.name}.none is missing: vod-bridge topics --create" in said


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
