"""Legacy types with a 3.0 successor, and the mapping tables of all but ProcedureStateChanged.

Source: vod-domain §4.1.
"""

from collections.abc import Mapping
from types import MappingProxyType

from bridge.core import payloads
from bridge.core.decode.legacy.metadata import METADATA
from bridge.core.decode.legacy.procedure import PROCEDURE
from bridge.core.decode.legacy.rules import (
    LegacyType,
    MapObject,
    MapObjects,
    MappingTable,
    MapValues,
    Pluck,
    ToList,
)

_NEW_FILE_UPLOAD = MappingTable(
    payloads.FileUploadTask,
    {
        "fileId": "FileId",
        "fileName": "MediaBasicInfo.Name",
        "coverUrl": "MediaBasicInfo.CoverUrl",
        "fileUrl": "MediaBasicInfo.MediaUrl",
        "sourceType": MapValues(
            "MediaBasicInfo.SourceInfo.SourceType", {"ClientUpload": "Upload", "ServerUpload": "Upload"}
        ),
        "sourceContext": "MediaBasicInfo.SourceInfo.SourceContext",
        "streamId": "MediaBasicInfo.SourceInfo.LiveRecordInfo.StreamId",
        "procedureTaskId": "ProcedureTaskId",
        "transcodeTaskId": None,
        "porncheckTaskId": None,
        "imageSpriteTaskId": None,
        "author": None,
        "status": None,
        "message": None,
        "vodTaskId": None,
        "continued": None,
        "metaData": MapObject("MetaData", METADATA),  # before the flat variant of 2017: it has more fields
        "fileSize": "MetaData.Size",
        "duration": "MetaData.Duration",
        "width": "MetaData.Width",
        "height": "MetaData.Height",
        "bitrate": "MetaData.Bitrate",
    },
)

_PULL = MappingTable(
    payloads.PullUploadTask,
    {
        "vodTaskId": "TaskId",
        "status": "ErrCode",
        "message": "Message",
        "fileId": "FileId",
        "fileUrl": "FileUrl",
        "transcodeTaskId": None,
        "porncheckTaskId": None,
    },
)

_TRANSCODE = MappingTable(
    payloads.TranscodeTask2017,
    {
        "vodTaskId": "TaskId",
        "status": "ErrCode",
        "message": "Message",
        "fileId": "FileId",
        "fileName": "FileName",
        "duration": "Duration",
        "coverUrl": "CoverUrl",
        "playSet": MapObjects(
            "PlayInfoSet",
            MappingTable(
                payloads.TranscodePlayInfo2017,
                {
                    "url": "Url",
                    "definition": "Definition",
                    "vbitrate": "Bitrate",
                    "vheight": "Height",
                    "vwidth": "Width",
                },
            ),
        ),
    },
)

_CONCAT = MappingTable(
    payloads.ConcatTask2017,
    {
        "vodTaskId": "TaskId",
        "fileInfo": MapObjects(
            "FileInfoSet",
            MappingTable(
                payloads.ConcatFileInfo2017,
                {
                    "status": "ErrCode",
                    "message": "Message",
                    "fileId": "FileId",
                    "fileUrl": "FileUrl",
                    "fileType": "FileType",
                },
            ),
        ),
        "status": None,
        "message": None,
    },
)

_CLIP = MappingTable(
    payloads.ClipTask2017,
    {
        "vodTaskId": "TaskId",
        "srcFileId": "SrcFileId",
        "fileInfo": MapObject(
            "FileInfo",
            MappingTable(
                payloads.ClipFileInfo2017,
                {
                    "status": "ErrCode",
                    "message": "Message",
                    "fileId": "FileId",
                    "fileUrl": "FileUrl",
                    "fileType": "FileType",
                },
            ),
            or_single=True,
        ),
    },
)

_IMAGE_SPRITE = MappingTable(
    payloads.CreateImageSpriteTask2017,
    {
        "status": "ErrCode",
        "message": "Message",
        "vodTaskId": "TaskId",
        "fileId": "FileId",
        "definition": "Definition",
        "totalCount": "TotalCount",
        "imageSpriteUrl": "ImageSpriteUrlSet",
        "webVttUrl": "WebVttUrl",
    },
)

_SNAPSHOT_BY_TIME_OFFSET = MappingTable(
    payloads.SnapshotByTimeOffsetTask2017,
    {
        "vodTaskId": "TaskId",
        "fileId": "FileId",
        "definition": "Definition",
        "picInfo": MapObjects(
            "SnapshotInfoSet",
            MappingTable(
                payloads.SnapshotByTimeOffset2017,
                {"status": "ErrCode", "timeOffset": "TimeOffset", "url": "Url"},
            ),
        ),
    },
)

_FILE_DELETED = MappingTable(
    payloads.FileDeleteTask,
    {"fileInfo": Pluck("FileIdSet", "fileId"), "status": None, "message": None},
)

_DELETE_FILE = MappingTable(
    payloads.FileDeleteTask,
    {"fileId": ToList("FileIdSet"), "status": None, "message": None},
)

LEGACY_TYPES: Mapping[str, LegacyType] = MappingProxyType(
    {
        "NewFileUpload": LegacyType("NewFileUpload", _NEW_FILE_UPLOAD),
        "PullComplete": LegacyType("PullComplete", _PULL, constants={"Status": "FINISH"}),
        "TranscodeComplete": LegacyType("TranscodeComplete", _TRANSCODE),
        "ConcatComplete": LegacyType("ConcatComplete", _CONCAT, fold_status_into="FileInfoSet"),
        "ClipComplete": LegacyType("ClipComplete", _CLIP),
        "CreateImageSpriteComplete": LegacyType("CreateImageSpriteComplete", _IMAGE_SPRITE),
        "CreateSnapshotByTimeOffsetComplete": LegacyType(
            "CreateSnapshotByTimeOffsetComplete", _SNAPSHOT_BY_TIME_OFFSET
        ),
        "FileDeleted": LegacyType("FileDeleted", _FILE_DELETED),
        "DeleteFile": LegacyType("FileDeleted", _DELETE_FILE),
        "ProcedureStateChanged": LegacyType("ProcedureStateChanged", PROCEDURE),
    }
)
"""By legacy eventType. A type that is not here keeps its name, and its ``data`` is its payload."""
