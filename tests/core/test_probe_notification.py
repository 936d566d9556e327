"""The notification of a console's test: signed as the application wants it, and no event of the catalogue."""

import json

import pytest

from bridge.core.application import Application
from bridge.core.authorization import read_authorized
from bridge.core.catalogue import BY_NAME
from bridge.core.event import DecodedEvent, Notification
from bridge.core.probe_notification import PROBE_EVENT_TYPE, probe_notification

NOW_S = 1_700_000_000


@pytest.mark.parametrize("sign_keys", [(), ("a-key",), ("a-key", "the-next-key")])
def test_it_is_authorized_and_is_an_event_of_a_type_that_no_consumer_takes_for_a_real_one(
    sign_keys: tuple[str, ...],
) -> None:
    application = Application(name="shop", sign_keys=sign_keys)
    body = probe_notification(application, "vod-bridge-test-1", NOW_S)
    notification = Notification(application=application, body=body, received_ms=NOW_S * 1000)
    event = read_authorized(notification, len(body))
    assert isinstance(event, DecodedEvent)
    assert (event.type, event.task_id, event.file_id) == (PROBE_EVENT_TYPE, "vod-bridge-test-1", "")
    assert PROBE_EVENT_TYPE not in BY_NAME
    assert ("Sign" in json.loads(body)) == bool(sign_keys)
