"""The tables for ProcedureStateChanged: its subtasks by kind (§4.1)."""

from collections.abc import Mapping

from msgspec import Struct

from bridge.core import payloads
from bridge.core.legacy.metadata import AUDIO_STREAM, METADATA, VIDEO_STREAM
from bridge.core.legacy.rules import REST, Object, Objects, Place, Rule, Unwrapped, Words, Wrapped

_TYPE: Mapping[str, Rule] = {"taskType": Words("Type", {"ImageSprite": "ImageSprites"})}


def _subtask(element: type[Struct], task: str, result: type[Struct], inputs: Place, outputs: Place) -> Place:
    """One kind of subtask: what was flat in the list's element moves under the key ``task``."""
    return Place(
        element,
        {
            **_TYPE,
            **{name: f"{task}.{name}" for name in result.__struct_fields__},  # 3.0 names at the old level
            "status": f"{task}.Status",
            "errCode": f"{task}.ErrCode",
            "message": f"{task}.Message",
            "input": Object(f"{task}.Input", inputs),
            "output": Object(f"{task}.Output", outputs),
        },
    )


# processTaskList

_INPUT: Mapping[str, Rule] = {
    "definition": "Definition",
    "watermarkDefinition": Wrapped("WatermarkSet", "Definition"),
}

_TRANSCODE = _subtask(
    payloads.MediaProcessTaskResult,
    "TranscodeTask",
    payloads.MediaProcessTaskTranscodeResult,
    Place(
        payloads.TranscodeTaskInput,
        {
            **_INPUT,
            "watermark": None,
            "mosaicList": Objects(
                "MosaicSet",
                Place(
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
    Place(
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
            "videoStreamList": Objects("VideoStreamSet", VIDEO_STREAM),
            "audioStreamList": Objects("AudioStreamSet", AUDIO_STREAM),
        },
    ),
)

_ANIMATED_GRAPHICS = _subtask(
    payloads.MediaProcessTaskResult,
    "AnimatedGraphicTask",
    payloads.MediaProcessTaskAnimatedGraphicResult,
    Place(
        payloads.AnimatedGraphicTaskInput,
        {**_INPUT, "startTime": "StartTimeOffset", "endTime": "EndTimeOffset"},
    ),
    Place(
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
    Place(payloads.SampleSnapshotTaskInput, _INPUT),
    Place(payloads.MediaSampleSnapshotItem, {"imageUrls": "ImageUrlSet"}),
)

_PICTURE = Place(payloads.MediaSnapshotByTimePicInfoItem, {"timeOffset": "TimeOffset", "url": "Url"})

_SNAPSHOT_BY_TIME_OFFSET = _subtask(
    payloads.MediaProcessTaskResult,
    "SnapshotByTimeOffsetTask",
    payloads.MediaProcessTaskSnapshotByTimeOffsetResult,
    Place(
        payloads.SnapshotByTimeOffsetTaskInput,
        {**_INPUT, "timeOffset": "TimeOffsetSet", "TimeOffsetList": "TimeOffsetSet"},
    ),
    Place(
        payloads.MediaSnapshotByTimeOffsetItem,
        {"imgInfo": Objects("PicInfoSet", _PICTURE), "picInfoList": Objects("PicInfoSet", _PICTURE)},
    ),
)

_COVER_BY_SNAPSHOT = _subtask(
    payloads.MediaProcessTaskResult,
    "CoverBySnapshotTask",
    payloads.MediaProcessTaskCoverBySnapshotResult,
    Place(
        payloads.CoverBySnapshotTaskInput,
        {**_INPUT, "positionType": "PositionType", "position": "PositionValue"},
    ),
    Place(payloads.CoverBySnapshotTaskOutput, {"imageUrl": Unwrapped("CoverUrl")}),
)

_IMAGE_SPRITES = _subtask(
    payloads.MediaProcessTaskResult,
    "ImageSpriteTask",
    payloads.MediaProcessTaskImageSpriteResult,
    Place(payloads.ImageSpriteTaskInput, _INPUT),
    Place(
        payloads.MediaImageSpriteItem,
        {
            "totalCount": "TotalCount",
            "urlList": "ImageUrlSet",
            "imageUrls": "ImageUrlSet",
            "webVttUrl": "WebVttUrl",
        },
    ),
)

_MEDIA_PROCESS = Objects(
    "MediaProcessResultSet",
    Place(payloads.MediaProcessTaskResult, _TYPE),
    {
        "Transcode": _TRANSCODE,
        "AnimatedGraphics": _ANIMATED_GRAPHICS,
        "SampleSnapshot": _SAMPLE_SNAPSHOT,
        "SnapshotByTimeOffset": _SNAPSHOT_BY_TIME_OFFSET,
        "CoverBySnapshot": _COVER_BY_SNAPSHOT,
        "ImageSprites": _IMAGE_SPRITES,
        "ImageSprite": _IMAGE_SPRITES,
        "PullFile": Place(payloads.MediaProcessTaskResult, {**_TYPE, REST: None}),
    },
)

# contentReviewList and aIAnalysisList

_PORN = _subtask(
    payloads.AiContentReviewResult,
    "PornTask",
    payloads.AiReviewTaskPornResult,
    Place(payloads.AiReviewPornTaskInput, {"definition": "Definition"}),
    Place(
        payloads.AiReviewPornTaskOutput,
        {
            "confidence": "Confidence",
            "suggestion": "Suggestion",
            "segments": Objects(
                "SegmentSet",
                Place(
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
    Place(payloads.AiAnalysisTaskClassificationInput, {"definition": "Definition"}),
    Place(
        payloads.AiAnalysisTaskClassificationOutput,
        {
            "classifications": Objects(
                "ClassificationSet",
                Place(
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
    Place(payloads.AiAnalysisTaskTagInput, {"definition": "Definition"}),
    Place(
        payloads.AiAnalysisTaskTagOutput,
        {
            "tags": Objects(
                "TagSet",
                Place(payloads.MediaAiAnalysisTagItem, {"tag": "Tag", "confidence": "Confidence"}),
            ),
        },
    ),
)

# the event

PROCEDURE = Place(
    payloads.ProcedureTask,
    {
        "vodTaskId": "TaskId",
        "status": "Status",
        "errCode": "ErrCode",
        "message": "Message",
        "fileId": "FileId",
        "metaData": Object("MetaData", METADATA),
        "drm": None,
        "isEncrypted": None,
        "aiReview": None,
        "processTaskList": _MEDIA_PROCESS,
        "contentReviewList": Objects(
            "AiContentReviewResultSet", Place(payloads.AiContentReviewResult, _TYPE), {"Porn": _PORN}
        ),
        "aIAnalysisList": Objects(
            "AiAnalysisResultSet",
            Place(payloads.AiAnalysisResult, _TYPE),
            {"Classification": _CLASSIFICATION, "Tag": _TAG},
        ),
    },
)
