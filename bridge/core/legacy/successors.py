"""The table of legacy types that have a successor, and the tables of all but ProcedureStateChanged (§4.1)."""

from collections.abc import Mapping
from types import MappingProxyType

from bridge.core import payloads
from bridge.core.legacy.metadata import METADATA
from bridge.core.legacy.procedure import PROCEDURE
from bridge.core.legacy.rules import Object, Objects, Place, Plucked, Single, Successor, Words

_NEW_FILE_UPLOAD = Place(
    payloads.FileUploadTask,
    {
        "fileId": "FileId",
        "fileName": "MediaBasicInfo.Name",
        "coverUrl": "MediaBasicInfo.CoverUrl",
        "fileUrl": "MediaBasicInfo.MediaUrl",
        "sourceType": Words(
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
        "metaData": Object("MetaData", METADATA),  # before the flat variant of 2017: it is the fuller one
        "fileSize": "MetaData.Size",
        "duration": "MetaData.Duration",
        "width": "MetaData.Width",
        "height": "MetaData.Height",
        "bitrate": "MetaData.Bitrate",
    },
)

_PULL = Place(
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

_TRANSCODE = Place(
    payloads.TranscodeTask2017,
    {
        "vodTaskId": "TaskId",
        "status": "ErrCode",
        "message": "Message",
        "fileId": "FileId",
        "fileName": "FileName",
        "duration": "Duration",
        "coverUrl": "CoverUrl",
        "playSet": Objects(
            "PlayInfoSet",
            Place(
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

_CONCAT = Place(
    payloads.ConcatTask2017,
    {
        "vodTaskId": "TaskId",
        "fileInfo": Objects(
            "FileInfoSet",
            Place(
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

_CLIP = Place(
    payloads.ClipTask2017,
    {
        "vodTaskId": "TaskId",
        "srcFileId": "SrcFileId",
        "fileInfo": Object(
            "FileInfo",
            Place(
                payloads.ClipFileInfo2017,
                {
                    "status": "ErrCode",
                    "message": "Message",
                    "fileId": "FileId",
                    "fileUrl": "FileUrl",
                    "fileType": "FileType",
                },
            ),
            or_one=True,
        ),
    },
)

_IMAGE_SPRITE = Place(
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

_SNAPSHOT_BY_TIME_OFFSET = Place(
    payloads.SnapshotByTimeOffsetTask2017,
    {
        "vodTaskId": "TaskId",
        "fileId": "FileId",
        "definition": "Definition",
        "picInfo": Objects(
            "SnapshotInfoSet",
            Place(
                payloads.SnapshotByTimeOffset2017,
                {"status": "ErrCode", "timeOffset": "TimeOffset", "url": "Url"},
            ),
        ),
    },
)

_FILE_DELETED = Place(
    payloads.FileDeleteTask,
    {"fileInfo": Plucked("FileIdSet", "fileId"), "status": None, "message": None},
)

_DELETE_FILE = Place(
    payloads.FileDeleteTask,
    {"fileId": Single("FileIdSet"), "status": None, "message": None},
)

SUCCESSORS: Mapping[str, Successor] = MappingProxyType(
    {
        "NewFileUpload": Successor("NewFileUpload", _NEW_FILE_UPLOAD),
        "PullComplete": Successor("PullComplete", _PULL, always={"Status": "FINISH"}),
        "TranscodeComplete": Successor("TranscodeComplete", _TRANSCODE),
        "ConcatComplete": Successor("ConcatComplete", _CONCAT, folded="FileInfoSet"),
        "ClipComplete": Successor("ClipComplete", _CLIP),
        "CreateImageSpriteComplete": Successor("CreateImageSpriteComplete", _IMAGE_SPRITE),
        "CreateSnapshotByTimeOffsetComplete": Successor(
            "CreateSnapshotByTimeOffsetComplete", _SNAPSHOT_BY_TIME_OFFSET
        ),
        "FileDeleted": Successor("FileDeleted", _FILE_DELETED),
        "DeleteFile": Successor("FileDeleted", _DELETE_FILE),
        "ProcedureStateChanged": Successor("ProcedureStateChanged", PROCEDURE),
    }
)
"""By legacy eventType. A type that is not here keeps its name, and its ``data`` is its payload."""
