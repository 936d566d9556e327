"""What `helm test` runs in a pod of its own: post one notification, read its event back from Kafka.

With the settings, secrets and certificates of the bridge itself, through its Service at BRIDGE_URL. The type
is none of the vendor's, so that no consumer takes it for an event. Where all applications pull, the ingress
accepts nothing, and only the connections are checked.
"""
# ruff: noqa: INP001 - a chart's files are no package

import asyncio
import hashlib
import json
import os
import ssl
import sys
import time
import urllib.request

from bridge.cli.support.follow import following
from bridge.core.application import Application
from bridge.io.kafka.client import kafka_options
from bridge.settings.settings import Settings, load

WITHIN_S = 60


def post(app: Application) -> dict[str, str]:
    """Post a notification as the vendor would, signed where a key is configured; return the response."""
    until = str(int(time.time()) + 600)
    body: dict[str, object] = {"EventType": "BridgeChartTest", "Test": {"Nonce": time.time_ns()}}
    if app.sign_keys:
        sign = hashlib.md5((app.sign_keys[0] + until).encode()).hexdigest()  # noqa: S324 - the vendor's scheme
        body |= {"T": until, "Sign": sign}
    url = "/".join(filter(None, [os.environ["BRIDGE_URL"], "callbacks", app.name, app.token]))
    request = urllib.request.Request(url, json.dumps(body).encode())  # noqa: S310 - the Service's http URL
    # The Service's name may not stand in the certificate: it is made for the name that the vendor calls.
    context = ssl._create_unverified_context() if url.startswith("https:") else None  # noqa: S323, SLF001 - see there
    with urllib.request.urlopen(request, timeout=30, context=context) as answer:  # noqa: S310 - the same
        return dict(json.load(answer))


async def see(settings: Settings, app: Application) -> None:
    """Watch the topic from its end, post, and wait for the event."""
    topic = settings.kafka.topic_other
    async with following(kafka_options(settings.kafka), [topic]) as follower, asyncio.timeout(WITHIN_S):
        if not follower.topics:
            sys.exit(f"{topic} is missing: vod-bridge topics --create")
        response = await asyncio.to_thread(post, app)
        print("answered:", json.dumps(response))  # noqa: T201 - the test's log
        async for record in follower.records():
            if record.headers.get("ce_id") == response["event_id"]:
                print(f"read back: {topic}, partition {record.partition}, offset {record.offset}")  # noqa: T201 - the same
                return


def main() -> None:
    """Run it."""
    settings = load()
    pushed = [app for app in settings.applications().values() if app.mode == "push"]
    if not pushed:
        os.execvp("vod-bridge", ["vod-bridge", "check"])  # noqa: S606, S607 - the image's own program
    asyncio.run(see(settings, pushed[0]))


if __name__ == "__main__":
    main()
