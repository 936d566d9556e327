"""What `subscribe` and `Consumer.on` give for each type, for type checkers. Generated: edit `schemas/gen_consumer_types.py` instead."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NewType, TypeVar, Unpack, overload

from bridge.consumer import payloads as vod
from bridge.consumer.event import Event
from bridge.consumer.options import Options
from bridge.consumer.payloads import EventType
from bridge.consumer.subscription import Subscription, open_subscription

UnlistedType = NewType("UnlistedType", str)
"""For type checkers, the name of a type that the catalogue does not know: ``UnlistedType("NewOne")``."""

OtherTypes = Literal["<other>"]
AnyType = EventType | OtherTypes | UnlistedType
P = TypeVar("P")
Handler = Callable[[Event[P]], Awaitable[object]]
"""What is called with each event of a type."""

Register = Callable[[Handler[P]], Handler[P]]
"""The decorator of a handler."""


@overload
def subscribe(
    event_type: Literal["AigcHunyuan3DTaskComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.AigcHunyuan3DTaskComplete]: ...
@overload
def subscribe(
    event_type: Literal["AigcImageTaskComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.AigcImageTaskComplete]: ...
@overload
def subscribe(
    event_type: Literal["AigcVideoTaskComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.AigcVideoTaskComplete]: ...
@overload
def subscribe(
    event_type: Literal["ClipComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ClipComplete]: ...
@overload
def subscribe(
    event_type: Literal["ComplexAdaptiveDynamicStreamingComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ComplexAdaptiveDynamicStreamingComplete]: ...
@overload
def subscribe(
    event_type: Literal["ComposeMediaComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ComposeMediaComplete]: ...
@overload
def subscribe(
    event_type: Literal["ConcatComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ConcatComplete]: ...
@overload
def subscribe(
    event_type: Literal["CreateAigcAdvancedCustomElementCompleteEvent"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.CreateAigcAdvancedCustomElementCompleteEvent]: ...
@overload
def subscribe(
    event_type: Literal["CreateAigcCustomVoiceCompleteEvent"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.CreateAigcCustomVoiceCompleteEvent]: ...
@overload
def subscribe(
    event_type: Literal["CreateImageSpriteComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.CreateImageSpriteComplete]: ...
@overload
def subscribe(
    event_type: Literal["CreateSnapshotByTimeOffsetComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.CreateSnapshotByTimeOffsetComplete]: ...
@overload
def subscribe(
    event_type: Literal["DescribeAigcFaceInfoAsyncComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.DescribeAigcFaceInfoAsyncComplete]: ...
@overload
def subscribe(
    event_type: Literal["DescribeFileAttributesComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.DescribeFileAttributesComplete]: ...
@overload
def subscribe(
    event_type: Literal["EditMediaComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.EditMediaComplete]: ...
@overload
def subscribe(
    event_type: Literal["ExtractBlindWatermarkComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ExtractBlindWatermarkComplete]: ...
@overload
def subscribe(
    event_type: Literal["ExtractCopyRightWatermarkComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ExtractCopyRightWatermarkComplete]: ...
@overload
def subscribe(
    event_type: Literal["ExtractTraceWatermarkComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ExtractTraceWatermarkComplete]: ...
@overload
def subscribe(
    event_type: Literal["FileDeleted"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.FileDeleted]: ...
@overload
def subscribe(
    event_type: Literal["MediaCastStatusChanged"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.MediaCastStatusChanged]: ...
@overload
def subscribe(
    event_type: Literal["NewFileUpload"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.NewFileUpload]: ...
@overload
def subscribe(
    event_type: Literal["PersistenceComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.PersistenceComplete]: ...
@overload
def subscribe(
    event_type: Literal["ProcedureStateChanged"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ProcedureStateChanged]: ...
@overload
def subscribe(
    event_type: Literal["ProcessImageAsyncCompleteEvent"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ProcessImageAsyncCompleteEvent]: ...
@overload
def subscribe(
    event_type: Literal["ProcessMediaByMPSComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ProcessMediaByMPSComplete]: ...
@overload
def subscribe(
    event_type: Literal["PullComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.PullComplete]: ...
@overload
def subscribe(
    event_type: Literal["QualityEnhanceComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.QualityEnhanceComplete]: ...
@overload
def subscribe(
    event_type: Literal["QualityInspectComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.QualityInspectComplete]: ...
@overload
def subscribe(
    event_type: Literal["RebuildMediaComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.RebuildMediaComplete]: ...
@overload
def subscribe(
    event_type: Literal["ReduceMediaBitrateComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ReduceMediaBitrateComplete]: ...
@overload
def subscribe(
    event_type: Literal["RemoveWatermark"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.RemoveWatermark]: ...
@overload
def subscribe(
    event_type: Literal["RestoreMediaComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.RestoreMediaComplete]: ...
@overload
def subscribe(
    event_type: Literal["ReviewAudioVideoComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.ReviewAudioVideoComplete]: ...
@overload
def subscribe(
    event_type: Literal["SceneAigcImageCompleteEvent"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.SceneAigcImageCompleteEvent]: ...
@overload
def subscribe(
    event_type: Literal["SplitMediaComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.SplitMediaComplete]: ...
@overload
def subscribe(
    event_type: Literal["TranscodeComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.TranscodeComplete]: ...
@overload
def subscribe(
    event_type: Literal["WechatMiniProgramPublishComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.WechatMiniProgramPublishComplete]: ...
@overload
def subscribe(
    event_type: Literal["WechatPublishComplete"], /, *, group: str, **options: Unpack[Options]
) -> Subscription[vod.WechatPublishComplete]: ...
@overload
def subscribe(*types: AnyType, group: str, **options: Unpack[Options]) -> Subscription[Any]: ...
def subscribe(*types: str, group: str, **options: Unpack[Options]) -> Subscription[Any]:
    """Read the events of these types for a group, at least once.

    ::

        async for event in subscribe("TranscodeComplete", group="catalogue", bootstrap_servers="kafka:9092"):
            ...

    An event is done when the next one is asked for; an exception in the body, or leaving the loop by
    ``break``, leaves the last one undone, and it is delivered again. To end cleanly, use it with ``async
    with`` (its end without an exception counts the last event as done, commits and leaves the group), or call
    `Subscription.stop`: the loop then ends by itself after the current event.

    A body may take up to ``max_poll_interval_ms`` (5 min) for one event; it must not block the event loop.

    ``types`` are names of `TYPES`; another name (an `UnlistedType`) is read from the topic for others (and
    from its own topic, once there is one), as plain data; `OTHER` is whatever stands on the topic for others.
    With one type the payload is of its struct where ``event.typed``. ``options`` are explained at `Options`.
    Raises ValueError for options that cannot be; `KafkaUnreachableError` at the start; while reading
    `UnreadableRecordError`, and aiokafka's errors, such as no permission.
    """
    return open_subscription(types, group, options)


class HandlerRegistry:
    """The handlers of a `Consumer`, by type."""

    def _register(self, types: tuple[str, ...]) -> Register[Any]:
        raise NotImplementedError

    @overload
    def on(self, event_type: Literal["AigcHunyuan3DTaskComplete"], /) -> Register[vod.AigcHunyuan3DTaskComplete]: ...
    @overload
    def on(self, event_type: Literal["AigcImageTaskComplete"], /) -> Register[vod.AigcImageTaskComplete]: ...
    @overload
    def on(self, event_type: Literal["AigcVideoTaskComplete"], /) -> Register[vod.AigcVideoTaskComplete]: ...
    @overload
    def on(self, event_type: Literal["ClipComplete"], /) -> Register[vod.ClipComplete]: ...
    @overload
    def on(self, event_type: Literal["ComplexAdaptiveDynamicStreamingComplete"], /) -> Register[vod.ComplexAdaptiveDynamicStreamingComplete]: ...
    @overload
    def on(self, event_type: Literal["ComposeMediaComplete"], /) -> Register[vod.ComposeMediaComplete]: ...
    @overload
    def on(self, event_type: Literal["ConcatComplete"], /) -> Register[vod.ConcatComplete]: ...
    @overload
    def on(self, event_type: Literal["CreateAigcAdvancedCustomElementCompleteEvent"], /) -> Register[vod.CreateAigcAdvancedCustomElementCompleteEvent]: ...
    @overload
    def on(self, event_type: Literal["CreateAigcCustomVoiceCompleteEvent"], /) -> Register[vod.CreateAigcCustomVoiceCompleteEvent]: ...
    @overload
    def on(self, event_type: Literal["CreateImageSpriteComplete"], /) -> Register[vod.CreateImageSpriteComplete]: ...
    @overload
    def on(self, event_type: Literal["CreateSnapshotByTimeOffsetComplete"], /) -> Register[vod.CreateSnapshotByTimeOffsetComplete]: ...
    @overload
    def on(self, event_type: Literal["DescribeAigcFaceInfoAsyncComplete"], /) -> Register[vod.DescribeAigcFaceInfoAsyncComplete]: ...
    @overload
    def on(self, event_type: Literal["DescribeFileAttributesComplete"], /) -> Register[vod.DescribeFileAttributesComplete]: ...
    @overload
    def on(self, event_type: Literal["EditMediaComplete"], /) -> Register[vod.EditMediaComplete]: ...
    @overload
    def on(self, event_type: Literal["ExtractBlindWatermarkComplete"], /) -> Register[vod.ExtractBlindWatermarkComplete]: ...
    @overload
    def on(self, event_type: Literal["ExtractCopyRightWatermarkComplete"], /) -> Register[vod.ExtractCopyRightWatermarkComplete]: ...
    @overload
    def on(self, event_type: Literal["ExtractTraceWatermarkComplete"], /) -> Register[vod.ExtractTraceWatermarkComplete]: ...
    @overload
    def on(self, event_type: Literal["FileDeleted"], /) -> Register[vod.FileDeleted]: ...
    @overload
    def on(self, event_type: Literal["MediaCastStatusChanged"], /) -> Register[vod.MediaCastStatusChanged]: ...
    @overload
    def on(self, event_type: Literal["NewFileUpload"], /) -> Register[vod.NewFileUpload]: ...
    @overload
    def on(self, event_type: Literal["PersistenceComplete"], /) -> Register[vod.PersistenceComplete]: ...
    @overload
    def on(self, event_type: Literal["ProcedureStateChanged"], /) -> Register[vod.ProcedureStateChanged]: ...
    @overload
    def on(self, event_type: Literal["ProcessImageAsyncCompleteEvent"], /) -> Register[vod.ProcessImageAsyncCompleteEvent]: ...
    @overload
    def on(self, event_type: Literal["ProcessMediaByMPSComplete"], /) -> Register[vod.ProcessMediaByMPSComplete]: ...
    @overload
    def on(self, event_type: Literal["PullComplete"], /) -> Register[vod.PullComplete]: ...
    @overload
    def on(self, event_type: Literal["QualityEnhanceComplete"], /) -> Register[vod.QualityEnhanceComplete]: ...
    @overload
    def on(self, event_type: Literal["QualityInspectComplete"], /) -> Register[vod.QualityInspectComplete]: ...
    @overload
    def on(self, event_type: Literal["RebuildMediaComplete"], /) -> Register[vod.RebuildMediaComplete]: ...
    @overload
    def on(self, event_type: Literal["ReduceMediaBitrateComplete"], /) -> Register[vod.ReduceMediaBitrateComplete]: ...
    @overload
    def on(self, event_type: Literal["RemoveWatermark"], /) -> Register[vod.RemoveWatermark]: ...
    @overload
    def on(self, event_type: Literal["RestoreMediaComplete"], /) -> Register[vod.RestoreMediaComplete]: ...
    @overload
    def on(self, event_type: Literal["ReviewAudioVideoComplete"], /) -> Register[vod.ReviewAudioVideoComplete]: ...
    @overload
    def on(self, event_type: Literal["SceneAigcImageCompleteEvent"], /) -> Register[vod.SceneAigcImageCompleteEvent]: ...
    @overload
    def on(self, event_type: Literal["SplitMediaComplete"], /) -> Register[vod.SplitMediaComplete]: ...
    @overload
    def on(self, event_type: Literal["TranscodeComplete"], /) -> Register[vod.TranscodeComplete]: ...
    @overload
    def on(self, event_type: Literal["WechatMiniProgramPublishComplete"], /) -> Register[vod.WechatMiniProgramPublishComplete]: ...
    @overload
    def on(self, event_type: Literal["WechatPublishComplete"], /) -> Register[vod.WechatPublishComplete]: ...
    @overload
    def on(self, *types: AnyType) -> Register[Any]: ...
    def on(self, *types: str) -> Register[Any]:
        """Register the decorated function for these types; `OTHER` is those of no known type.

        A type has one handler: ValueError for a second one, or where no type is named.
        """
        return self._register(types)
