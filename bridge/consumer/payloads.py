"""The payload of each event type, by the type's name. Generated: edit `schemas/gen_consumer_types.py` instead.

    from bridge.consumer.payloads import TranscodeComplete

`bridge.core.payloads` has all structs, by the vendor's names; several types may share one.
"""

from typing import Literal

from bridge.core.payloads import AigcHunyuan3DTask as AigcHunyuan3DTaskComplete
from bridge.core.payloads import AigcImageTask as AigcImageTaskComplete
from bridge.core.payloads import AigcVideoTask as AigcVideoTaskComplete
from bridge.core.payloads import ClipTask2017 as ClipComplete
from bridge.core.payloads import ComplexAdaptiveDynamicStreamingTask as ComplexAdaptiveDynamicStreamingComplete
from bridge.core.payloads import ComposeMediaTask as ComposeMediaComplete
from bridge.core.payloads import ConcatTask2017 as ConcatComplete
from bridge.core.payloads import CreateAigcAdvancedCustomElementTask as CreateAigcAdvancedCustomElementCompleteEvent
from bridge.core.payloads import CreateAigcCustomVoiceTask as CreateAigcCustomVoiceCompleteEvent
from bridge.core.payloads import CreateImageSpriteTask2017 as CreateImageSpriteComplete
from bridge.core.payloads import DescribeAigcFaceInfoAsyncTask as DescribeAigcFaceInfoAsyncComplete
from bridge.core.payloads import DescribeFileAttributesTask as DescribeFileAttributesComplete
from bridge.core.payloads import EditMediaTask as EditMediaComplete
from bridge.core.payloads import ExtractBlindWatermarkTask as ExtractBlindWatermarkComplete
from bridge.core.payloads import ExtractCopyRightWatermarkTask as ExtractCopyRightWatermarkComplete
from bridge.core.payloads import ExtractTraceWatermarkTask as ExtractTraceWatermarkComplete
from bridge.core.payloads import FileDeleteTask as FileDeleted
from bridge.core.payloads import FileUploadTask as NewFileUpload
from bridge.core.payloads import MediaCastEvent as MediaCastStatusChanged
from bridge.core.payloads import PersistenceCompleteTask as PersistenceComplete
from bridge.core.payloads import ProcedureTask as ProcedureStateChanged
from bridge.core.payloads import ProcessImageAsync as ProcessImageAsyncCompleteEvent
from bridge.core.payloads import ProcessMediaByMPS as ProcessMediaByMPSComplete
from bridge.core.payloads import PullUploadTask as PullComplete
from bridge.core.payloads import QualityEnhanceTask as QualityEnhanceComplete
from bridge.core.payloads import QualityInspectTask as QualityInspectComplete
from bridge.core.payloads import RebuildMediaTask as RebuildMediaComplete
from bridge.core.payloads import ReduceMediaBitrateTask as ReduceMediaBitrateComplete
from bridge.core.payloads import RemoveWatermarkTask as RemoveWatermark
from bridge.core.payloads import RestoreMediaTask as RestoreMediaComplete
from bridge.core.payloads import ReviewAudioVideoTask as ReviewAudioVideoComplete
from bridge.core.payloads import SceneAigcImageTask as SceneAigcImageCompleteEvent
from bridge.core.payloads import SnapshotByTimeOffsetTask2017 as CreateSnapshotByTimeOffsetComplete
from bridge.core.payloads import SplitMediaTask as SplitMediaComplete
from bridge.core.payloads import TranscodeTask2017 as TranscodeComplete
from bridge.core.payloads import WechatMiniProgramPublishTask as WechatMiniProgramPublishComplete
from bridge.core.payloads import WechatPublishTask as WechatPublishComplete

EventType = Literal[
    "AigcHunyuan3DTaskComplete",
    "AigcImageTaskComplete",
    "AigcVideoTaskComplete",
    "ClipComplete",
    "ComplexAdaptiveDynamicStreamingComplete",
    "ComposeMediaComplete",
    "ConcatComplete",
    "CreateAigcAdvancedCustomElementCompleteEvent",
    "CreateAigcCustomVoiceCompleteEvent",
    "CreateImageSpriteComplete",
    "CreateSnapshotByTimeOffsetComplete",
    "DescribeAigcFaceInfoAsyncComplete",
    "DescribeFileAttributesComplete",
    "EditMediaComplete",
    "ExtractBlindWatermarkComplete",
    "ExtractCopyRightWatermarkComplete",
    "ExtractTraceWatermarkComplete",
    "FileDeleted",
    "MediaCastStatusChanged",
    "NewFileUpload",
    "PersistenceComplete",
    "ProcedureStateChanged",
    "ProcessImageAsyncCompleteEvent",
    "ProcessMediaByMPSComplete",
    "PullComplete",
    "QualityEnhanceComplete",
    "QualityInspectComplete",
    "RebuildMediaComplete",
    "ReduceMediaBitrateComplete",
    "RemoveWatermark",
    "RestoreMediaComplete",
    "ReviewAudioVideoComplete",
    "SceneAigcImageCompleteEvent",
    "SplitMediaComplete",
    "TranscodeComplete",
    "WechatMiniProgramPublishComplete",
    "WechatPublishComplete",
]
"""The name of a type of the catalogue."""

__all__ = [
    "EventType",
    "AigcHunyuan3DTaskComplete",
    "AigcImageTaskComplete",
    "AigcVideoTaskComplete",
    "ClipComplete",
    "ComplexAdaptiveDynamicStreamingComplete",
    "ComposeMediaComplete",
    "ConcatComplete",
    "CreateAigcAdvancedCustomElementCompleteEvent",
    "CreateAigcCustomVoiceCompleteEvent",
    "CreateImageSpriteComplete",
    "CreateSnapshotByTimeOffsetComplete",
    "DescribeAigcFaceInfoAsyncComplete",
    "DescribeFileAttributesComplete",
    "EditMediaComplete",
    "ExtractBlindWatermarkComplete",
    "ExtractCopyRightWatermarkComplete",
    "ExtractTraceWatermarkComplete",
    "FileDeleted",
    "MediaCastStatusChanged",
    "NewFileUpload",
    "PersistenceComplete",
    "ProcedureStateChanged",
    "ProcessImageAsyncCompleteEvent",
    "ProcessMediaByMPSComplete",
    "PullComplete",
    "QualityEnhanceComplete",
    "QualityInspectComplete",
    "RebuildMediaComplete",
    "ReduceMediaBitrateComplete",
    "RemoveWatermark",
    "RestoreMediaComplete",
    "ReviewAudioVideoComplete",
    "SceneAigcImageCompleteEvent",
    "SplitMediaComplete",
    "TranscodeComplete",
    "WechatMiniProgramPublishComplete",
    "WechatPublishComplete",
]
