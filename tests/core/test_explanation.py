"""What is explained of a body whose type had to be found."""

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.explanation import explain
from bridge.core.record import Routing


def test_a_body_without_a_type_is_explained_by_the_type_of_its_payload_member() -> None:
    body = b'{"EventType":null,"FileUploadEvent":{"FileId":"1"}}'
    notification = Notification(application=Application(name="default"), body=body, received_ms=0)
    explanation = explain(notification, Routing())
    assert (explanation.type, explanation.topic, explanation.key) == (
        "NewFileUpload",
        "vod.NewFileUpload",
        "1",
    )


def test_a_status_that_nobody_knows_is_named_as_the_reason() -> None:
    payload = b'{"TaskId":"t","Status":"SUSPENDED","ErrCode":0}'
    body = b'{"EventType":"EditMediaComplete","EditMediaCompleteEvent":%b}' % payload
    notification = Notification(application=Application(name="default"), body=body, received_ms=0)
    explained = explain(notification, Routing())
    assert explained.outcome == "unknown"
    assert explained.outcome_reason == "no code is bad, but its Status SUSPENDED does not say how it ended"
