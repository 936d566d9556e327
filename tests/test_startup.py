"""What the log says at the start, before the first delivery."""

import asyncio
from collections.abc import Sequence

from structlog.testing import capture_logs

from bridge.core.application import Application
from bridge.startup import callback_paths, log_missing_topics
from tests.rig.waiting import eventually


def test_callback_urls_are_named_and_their_tokens_are_not() -> None:
    apps = [
        Application(name="default"),
        Application(name="my-shop", token="s3cr3t-t0ken"),
        Application(name="open"),
        Application(name="queue", mode="pull"),
    ]
    assert callback_paths(apps) == ["/callbacks", "/callbacks/my-shop/***", "/callbacks/open"]
    assert callback_paths([Application(name="default", token="s3cr3t")]) == ["/callbacks/default/***"]


async def test_missing_topics_are_logged_once_for_each_change() -> None:
    states: list[Sequence[str] | None] = [
        None,
        [],
        [f"vod.{n}" for n in range(7)],
        [f"vod.{n}" for n in range(7)],
        ["vod.6"],
        None,
        [],
        [],
    ]
    with capture_logs() as logged:
        watch = asyncio.create_task(log_missing_topics(lambda: states.pop(0) if states else [], 0))
        await eventually(lambda: not states, "all states were seen")
        watch.cancel()
    assert [(line["event"], line.get("count"), line.get("first")) for line in logged] == [
        ("topics_missing", 7, [f"vod.{n}" for n in range(5)]),
        ("topics_missing", 1, ["vod.6"]),
        ("topics_available", None, None),
    ]
    assert "vod-bridge topics --create" in logged[0]["remedy"]
