"""The tables for ProcedureStateChanged: its subtasks by kind (vod-domain §4.1)."""

from collections.abc import Mapping

from msgspec import Struct

from bridge.core import payloads as v3
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
    v3.MediaProcessTaskResult,
    "TranscodeTask",
    v3.MediaProcessTaskTranscodeResult,
    Place(
        v3.TranscodeTaskInput,
        {
            **_INPUT,
            "watermark": None,
            "mosaicList": Objects(
                "MosaicSet",
                Place(
                    v3.MosaicInput,
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
        v3.MediaTranscodeItem,
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
    v3.MediaProcessTaskResult,
    "AnimatedGraphicTask",
    v3.MediaProcessTaskAnimatedGraphicResult,
    Place(
        v3.AnimatedGraphicTaskInput,
        {**_INPUT, "startTime": "StartTimeOffset", "endTime": "EndTimeOffset"},
    ),
    Place(
        v3.MediaAnimatedGraphicsItem,
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
    v3.MediaProcessTaskResult,
    "SampleSnapshotTask",
    v3.MediaProcessTaskSampleSnapshotResult,
    Place(v3.SampleSnapshotTaskInput, _INPUT),
    Place(v3.MediaSampleSnapshotItem, {"imageUrls": "ImageUrlSet"}),
)

_PICTURE = Place(v3.MediaSnapshotByTimePicInfoItem, {"timeOffset": "TimeOffset", "url": "Url"})

_SNAPSHOT_BY_TIME_OFFSET = _subtask(
    v3.MediaProcessTaskResult,
    "SnapshotByTimeOffsetTask",
    v3.MediaProcessTaskSnapshotByTimeOffsetResult,
    Place(
        v3.SnapshotByTimeOffsetTaskInput,
        {**_INPUT, "timeOffset": "TimeOffsetSet", "TimeOffsetList": "TimeOffsetSet"},
    ),
    Place(
        v3.MediaSnapshotByTimeOffsetItem,
        {"imgInfo": Objects("PicInfoSet", _PICTURE), "picInfoList": Objects("PicInfoSet", _PICTURE)},
    ),
)

_COVER_BY_SNAPSHOT = _subtask(
    v3.MediaProcessTaskResult,
    "CoverBySnapshotTask",
    v3.MediaProcessTaskCoverBySnapshotResult,
    Place(
        v3.CoverBySnapshotTaskInput,
        {**_INPUT, "positionType": "PositionType", "position": "PositionValue"},
    ),
    Place(v3.CoverBySnapshotTaskOutput, {"imageUrl": Unwrapped("CoverUrl")}),
)

_IMAGE_SPRITES = _subtask(
    v3.MediaProcessTaskResult,
    "ImageSpriteTask",
    v3.MediaProcessTaskImageSpriteResult,
    Place(v3.ImageSpriteTaskInput, _INPUT),
    Place(
        v3.MediaImageSpriteItem,
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
    Place(v3.MediaProcessTaskResult, _TYPE),
    {
        "Transcode": _TRANSCODE,
        "AnimatedGraphics": _ANIMATED_GRAPHICS,
        "SampleSnapshot": _SAMPLE_SNAPSHOT,
        "SnapshotByTimeOffset": _SNAPSHOT_BY_TIME_OFFSET,
        "CoverBySnapshot": _COVER_BY_SNAPSHOT,
        "ImageSprites": _IMAGE_SPRITES,
        "ImageSprite": _IMAGE_SPRITES,
        "PullFile": Place(v3.MediaProcessTaskResult, {**_TYPE, REST: None}),
    },
)

# contentReviewList and aIAnalysisList

_PORN = _subtask(
    v3.AiContentReviewResult,
    "PornTask",
    v3.AiReviewTaskPornResult,
    Place(v3.AiReviewPornTaskInput, {"definition": "Definition"}),
    Place(
        v3.AiReviewPornTaskOutput,
        {
            "confidence": "Confidence",
            "suggestion": "Suggestion",
            "segments": Objects(
                "SegmentSet",
                Place(
                    v3.MediaContentReviewSegmentItem,
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
    v3.AiAnalysisResult,
    "ClassificationTask",
    v3.AiAnalysisTaskClassificationResult,
    Place(v3.AiAnalysisTaskClassificationInput, {"definition": "Definition"}),
    Place(
        v3.AiAnalysisTaskClassificationOutput,
        {
            "classifications": Objects(
                "ClassificationSet",
                Place(
                    v3.MediaAiAnalysisClassificationItem,
                    {"classification": "Classification", "confidence": "Confidence"},
                ),
            ),
        },
    ),
)

_TAG = _subtask(
    v3.AiAnalysisResult,
    "TagTask",
    v3.AiAnalysisTaskTagResult,
    Place(v3.AiAnalysisTaskTagInput, {"definition": "Definition"}),
    Place(
        v3.AiAnalysisTaskTagOutput,
        {
            "tags": Objects(
                "TagSet",
                Place(v3.MediaAiAnalysisTagItem, {"tag": "Tag", "confidence": "Confidence"}),
            ),
        },
    ),
)

# the event

PROCEDURE = Place(
    v3.ProcedureTask,
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
            "AiContentReviewResultSet", Place(v3.AiContentReviewResult, _TYPE), {"Porn": _PORN}
        ),
        "aIAnalysisList": Objects(
            "AiAnalysisResultSet",
            Place(v3.AiAnalysisResult, _TYPE),
            {"Classification": _CLASSIFICATION, "Tag": _TAG},
        ),
    },
)
