"""Notifications as the vendor writes them, each made from its notification: every send, the same bytes."""

from tests.end_to_end.chaos.ledger import Kind, Notification

_EVENT = (
    '{"EventType":"EditMediaComplete","EditMediaCompleteEvent":{"TaskId":"%(task)s","Status":"FINISH",'
    '"ErrCode":0,"Message":"SUCCESS","Input":{"InputType":"File","FileInfoSet":[{"FileId":"%(key)s",'
    '"StartTimeOffset":60.0,"EndTimeOffset":120.0}]},"Output":{"FileType":"mp4","FileId":"made-%(task)s",'
    '"FileUrl":"http://1256768367.vod2.myqcloud.com/xxx/1/2/3/f0.mp4","MediaName":"a cut","ClassId":0,'
    '"ExpireTime":"9999-12-31T23:59:59Z"},"SessionId":"","SessionContext":"%(mark)s"}}'
)
_LEGACY = (
    '{"version":"4.0","eventType":"TranscodeComplete","data":{"status":0,"message":"","vodTaskId":"%(task)s",'
    '"fileId":"%(key)s","fileName":"%(mark)s","duration":599,"playSet":[{"url":"http://vcloud1203.tc.qq.com/'
    'f0.mp4","definition":0,"vbitrate":246000,"vheight":480,"vwidth":640}]}}'
)
_BROKEN = '{"EventType":"EditMediaComplete","EditMediaCompleteEvent":{"TaskId":"%(mark)s","Sta'
_OF = {Kind.EVENT: _EVENT, Kind.LEGACY: _LEGACY, Kind.BROKEN: _BROKEN}


def body_of(notification: Notification) -> bytes:
    """Write it."""
    return (
        _OF[notification.kind]
        % {"task": notification.task, "key": notification.key, "mark": notification.mark}
    ).encode()
