"""The mapping tables of ProcedureStateChanged and its kinds of subtasks (vod-domain §4.1)."""

from collections.abc import Mapping

from msgspec import Struct

from bridge.core import payloads
from bridge.core.decode.legacy.metadata import AUDIO_STREAM, METADATA, VIDEO_STREAM
from bridge.core.decode.legacy.rules import (
    OTHER_KEYS,
    FirstOfList,
    MapObject,
    MapObjects,
    MappingTable,
    MapValues,
    Rule,
    WrapElements,
)

_TYPE: Mapping[str, Rule] = {"taskType": MapValues("Type", {"ImageSprite": "ImageSprites"})}


def _subtask(
    element: type[Struct], task: str, result: type[Struct], inputs: MappingTable, outputs: MappingTable
) -> MappingTable:
    """Return the table of one kind of subtask: the element's flat members move under the key ``task``."""
    return MappingTable(
        element,
        {
            **_TYPE,
            **{name: f"{task}.{name}" for name in result.__struct_fields__},  # 3.0 names at the old level
            "status": f"{task}.Status",
            "errCode": f"{task}.ErrCode",
            "message": f"{task}.Message",
            "input": MapObject(f"{task}.Input", inputs),
            "output": MapObject(f"{task}.Output", outputs),
        },
    )


# processTaskList

_INPUT: Mapping[str, Rule] = {
    "definition": "Definition",
    "watermarkDefinition": WrapElements("WatermarkSet", "Definition"),
}

_TRANSCODE = _subtask(
    payloads.MediaProcessTaskResult,
    "TranscodeTask",
    payloads.MediaProcessTaskTranscodeResult,
    MappingTable(
        payloads.TranscodeTaskInput,
        {
            **_INPUT,
            "watermark": None,
            "mosaicList": MapObjects(
                "MosaicSet",
                MappingTable(
                    payloads.MosaicInput,
                    {
                        "left": "XPos",
                        "top": "YPos",
                        "width": "Width",
                        "height": "Height",
                        "startTimeOffset": "StartTimeOffset",
                        "endTimeOffset": "EndTimeOffset",
                    },
                ),
            ),
        },
    ),
    MappingTable(
        payloads.MediaTranscodeItem,
        {
            "url": "Url",
            "size": "Size",
            "container": "Container",
            "bitrate": "Bitrate",
            "height": "Height",
            "width": "Width",
            "md5": "Md5",
            "duration": "Duration",
            "videoStreamList": MapObjects("VideoStreamSet", VIDEO_STREAM),
            "audioStreamList": MapObjects("AudioStreamSet", AUDIO_STREAM),
        },
    ),
)

_ANIMATED_GRAPHICS = _subtask(
    payloads.MediaProcessTaskResult,
    "AnimatedGraphicTask",
    payloads.MediaProcessTaskAnimatedGraphicResult,
    MappingTable(
        payloads.AnimatedGraphicTaskInput,
        {**_INPUT, "startTime": "StartTimeOffset", "endTime": "EndTimeOffset"},
    ),
    MappingTable(
        payloads.MediaAnimatedGraphicsItem,
        {
            "url": "Url",
            "container": "Container",
            "height": "Height",
            "width": "Width",
            "md5": "Md5",
            "size": "Size",
            "fps": None,
        },
    ),
)

_SAMPLE_SNAPSHOT = _subtask(
    payloads.MediaProcessTaskResult,
    "SampleSnapshotTask",
    payloads.MediaProcessTaskSampleSnapshotResult,
    MappingTable(payloads.SampleSnapshotTaskInput, _INPUT),
    MappingTable(payloads.MediaSampleSnapshotItem, {"imageUrls": "ImageUrlSet"}),
)

_PICTURE = MappingTable(payloads.MediaSnapshotByTimePicInfoItem, {"timeOffset": "TimeOffset", "url": "Url"})

_SNAPSHOT_BY_TIME_OFFSET = _subtask(
    payloads.MediaProcessTaskResult,
    "SnapshotByTimeOffsetTask",
    payloads.MediaProcessTaskSnapshotByTimeOffsetResult,
    MappingTable(
        payloads.SnapshotByTimeOffsetTaskInput,
        {**_INPUT, "timeOffset": "TimeOffsetSet", "TimeOffsetList": "TimeOffsetSet"},
    ),
    MappingTable(
        payloads.MediaSnapshotByTimeOffsetItem,
        {"imgInfo": MapObjects("PicInfoSet", _PICTURE), "picInfoList": MapObjects("PicInfoSet", _PICTURE)},
    ),
)

_COVER_BY_SNAPSHOT = _subtask(
    payloads.MediaProcessTaskResult,
    "CoverBySnapshotTask",
    payloads.MediaProcessTaskCoverBySnapshotResult,
    MappingTable(
        payloads.CoverBySnapshotTaskInput,
        {**_INPUT, "positionType": "PositionType", "position": "PositionValue"},
    ),
    MappingTable(payloads.CoverBySnapshotTaskOutput, {"imageUrl": FirstOfList("CoverUrl")}),
)

_IMAGE_SPRITES = _subtask(
    payloads.MediaProcessTaskResult,
    "ImageSpriteTask",
    payloads.MediaProcessTaskImageSpriteResult,
    MappingTable(payloads.ImageSpriteTaskInput, _INPUT),
    MappingTable(
        payloads.MediaImageSpriteItem,
        {
            "totalCount": "TotalCount",
            "urlList": "ImageUrlSet",
            "imageUrls": "ImageUrlSet",
            "webVttUrl": "WebVttUrl",
        },
    ),
)

_MEDIA_PROCESS = MapObjects(
    "MediaProcessResultSet",
    MappingTable(payloads.MediaProcessTaskResult, _TYPE),
    {
        "Transcode": _TRANSCODE,
        "AnimatedGraphics": _ANIMATED_GRAPHICS,
        "SampleSnapshot": _SAMPLE_SNAPSHOT,
        "SnapshotByTimeOffset": _SNAPSHOT_BY_TIME_OFFSET,
        "CoverBySnapshot": _COVER_BY_SNAPSHOT,
        "ImageSprites": _IMAGE_SPRITES,
        "ImageSprite": _IMAGE_SPRITES,
        "PullFile": MappingTable(payloads.MediaProcessTaskResult, {**_TYPE, OTHER_KEYS: None}),
    },
)

# contentReviewList and aIAnalysisList

_PORN = _subtask(
    payloads.AiContentReviewResult,
    "PornTask",
    payloads.AiReviewTaskPornResult,
    MappingTable(payloads.AiReviewPornTaskInput, {"definition": "Definition"}),
    MappingTable(
        payloads.AiReviewPornTaskOutput,
        {
            "confidence": "Confidence",
            "suggestion": "Suggestion",
            "segments": MapObjects(
                "SegmentSet",
                MappingTable(
                    payloads.MediaContentReviewSegmentItem,
                    {
                        "startTimeOffset": "StartTimeOffset",
                        "endTimeOffset": "EndTimeOffset",
                        "confidence": "Confidence",
                        "suggestion": "Suggestion",
                        "url": "Url",
                        "picUrlExpireTimeStamp": "PicUrlExpireTimeStamp",
                    },
                ),
            ),
        },
    ),
)

_CLASSIFICATION = _subtask(
    payloads.AiAnalysisResult,
    "ClassificationTask",
    payloads.AiAnalysisTaskClassificationResult,
    MappingTable(payloads.AiAnalysisTaskClassificationInput, {"definition": "Definition"}),
    MappingTable(
        payloads.AiAnalysisTaskClassificationOutput,
        {
            "classifications": MapObjects(
                "ClassificationSet",
                MappingTable(
                    payloads.MediaAiAnalysisClassificationItem,
                    {"classification": "Classification", "confidence": "Confidence"},
                ),
            ),
        },
    ),
)

_TAG = _subtask(
    payloads.AiAnalysisResult,
    "TagTask",
    payloads.AiAnalysisTaskTagResult,
    MappingTable(payloads.AiAnalysisTaskTagInput, {"definition": "Definition"}),
    MappingTable(
        payloads.AiAnalysisTaskTagOutput,
        {
            "tags": MapObjects(
                "TagSet",
                MappingTable(payloads.MediaAiAnalysisTagItem, {"tag": "Tag", "confidence": "Confidence"}),
            ),
        },
    ),
)

# the event

PROCEDURE = MappingTable(
    payloads.ProcedureTask,
    {
        "vodTaskId": "TaskId",
        "status": "Status",
        "errCode": "ErrCode",
        "message": "Message",
        "fileId": "FileId",
        "metaData": MapObject("MetaData", METADATA),
        "drm": None,
        "isEncrypted": None,
        "aiReview": None,
        "processTaskList": _MEDIA_PROCESS,
        "contentReviewList": MapObjects(
            "AiContentReviewResultSet", MappingTable(payloads.AiContentReviewResult, _TYPE), {"Porn": _PORN}
        ),
        "aIAnalysisList": MapObjects(
            "AiAnalysisResultSet",
            MappingTable(payloads.AiAnalysisResult, _TYPE),
            {"Classification": _CLASSIFICATION, "Tag": _TAG},
        ),
    },
)
