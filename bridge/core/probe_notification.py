"""The notification that the console's test posts: of a type that no consumer takes for a real event.

It is published like every type that the catalogue does not know: on the topic for others. So a test goes all
the way to Kafka, and no topic of a real type gets anything.
"""

import json
from hashlib import md5

from bridge.core.application import Application

PROBE_EVENT_TYPE = "VodBridgeTest"
_MESSAGE = "A test of VOD Event Bridge's console. It is about no media; ignore it."
_SIGNED_FOR_S = 600


def probe_notification(application: Application, task_id: str, now_s: int) -> bytes:
    """Return a body with this task id, signed with the application's first key where it has one."""
    body: dict[str, object] = {
        "EventType": PROBE_EVENT_TYPE,
        f"{PROBE_EVENT_TYPE}Event": {"TaskId": task_id, "Message": _MESSAGE},
    }
    if application.sign_keys:
        t = now_s + _SIGNED_FOR_S
        key = application.sign_keys[0]
        body |= {"Sign": md5(f"{key}{t}".encode(), usedforsecurity=False).hexdigest(), "T": t}
    return json.dumps(body, separators=(",", ":")).encode()
