"""The table of event types: one row each, and all the bridge knows about a type by name (§3).

Reading, identity, outcome, topics and schemas all go by these rows; no other list of types exists. A row
added here needs its struct in `schemas/vendor` and its sample pair in `schemas/examples`. How a column is
applied is told in the module that applies it; the meaning of each stands at `Row`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import force_setattr

from bridge.core import payloads as vod


class Word(Struct, frozen=True, kw_only=True):
    """A field of the payload by which a type says, in its own words, how it ended.

    A value in ``good`` is a success (what is good in a code is good here), one in ``open`` says nothing, any
    other one is a failure.
    """

    field: str
    good: tuple[int | str, ...] = (0, "0", "SUCCESS")
    open: tuple[str, ...] = ()


class Row(Struct, frozen=True):
    """One event type: how it is spelled, where its payload stands, and what can be read from it.

    Envelope: ``name`` is the EventType, ``struct`` the payload's shape, ``field`` the sibling that holds it,
    the name and "Event" where the row has none; ``names`` and ``fields`` are other spellings seen.
    ``lower_camel``: its keys were once lower-camel.

    Identity: ``file_id`` are paths in order of preference; ``states`` are the fields that tell occurrences
    of one task apart; ``by_digest`` where they do not suffice; ``anonymous`` where no id names the
    occurrence; ``recurring`` where equal content may truly come again; ``toggles`` where only a repeat of
    the latest state is a duplicate.

    Outcome: ``results`` are the fields whose elements report on their own; ``word`` is the type's own word;
    a ``fact`` cannot fail.
    """

    name: str
    struct: type[vod.Payload]
    field: str = ""
    names: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    lower_camel: bool = False
    file_id: tuple[str, ...] = ()
    states: tuple[str, ...] = ("Status",)
    by_digest: bool = False
    anonymous: bool = False
    recurring: bool = False
    toggles: bool = False
    results: tuple[str, ...] = ()
    word: Word | None = None
    fact: bool = False

    def __post_init__(self) -> None:
        if not self.field:
            force_setattr(self, "field", f"{self.name}Event")

    def has(self, field: str) -> bool:
        """Tell whether the type's payload has this field by the catalogue."""
        return field in self.struct.__struct_fields__


ROWS: tuple[Row, ...] = (
    Row(
        "NewFileUpload",
        vod.FileUploadTask,
        field="FileUploadEvent",
        file_id=("FileId",),
        states=(),
        fact=True,
    ),
    Row(
        "ProcedureStateChanged",
        vod.ProcedureTask,
        field="ProcedureStateChangeEvent",
        file_id=("FileId", "MediaProcessResultSet[].TranscodeTask.Output.FileId"),
        by_digest=True,  # in notify mode Change one task and status is notified once per subtask
        results=(
            "MediaProcessResultSet",
            "AiContentReviewResultSet",
            "AiAnalysisResultSet",
            "AiRecognitionResultSet",
        ),
    ),
    Row(
        "FileDeleted",
        vod.FileDeleteTask,
        field="FileDeleteEvent",
        file_id=("FileIdSet[]", "FileDeleteResultInfo[].FileId"),
        states=(),
        anonymous=True,  # one event, many files, and parts of one file may be deleted again
        recurring=True,
        fact=True,
    ),
    Row("PullComplete", vod.PullUploadTask, file_id=("FileId",)),
    Row(
        "EditMediaComplete",
        vod.EditMediaTask,
        fields=("EditMediaComplete",),  # published samples of 2019 and 2020
        file_id=("Input.FileInfoSet[].FileId", "Output.FileId"),
    ),
    Row(
        "SplitMediaComplete",
        vod.SplitMediaTask,
        file_id=("FileInfoSet[].Input.FileId", "FileInfoSet[].Output.FileId"),
        results=("FileInfoSet",),
    ),
    Row("ComposeMediaComplete", vod.ComposeMediaTask, file_id=("Output.FileId",)),
    Row(
        "ClipComplete",
        vod.ClipTask2017,
        file_id=("SrcFileId", "FileInfo.FileId"),
        states=(),
        results=("FileInfo",),
    ),
    Row("TranscodeComplete", vod.TranscodeTask2017, file_id=("FileId",), states=()),
    Row("CreateImageSpriteComplete", vod.CreateImageSpriteTask2017, file_id=("FileId",), states=()),
    Row(
        "ConcatComplete",
        vod.ConcatTask2017,
        file_id=("FileInfoSet[].FileId",),
        states=(),
        results=("FileInfoSet",),
    ),
    Row(
        "CreateSnapshotByTimeOffsetComplete",
        vod.SnapshotByTimeOffsetTask2017,
        field="SnapshotByTimeOffsetCompleteEvent",
        file_id=("FileId",),
        states=(),
        results=("SnapshotInfoSet",),
    ),
    Row(
        "WechatPublishComplete",
        vod.WechatPublishTask,
        fields=("WechatPublishComplete",),  # every published sample
        file_id=("FileId",),
        states=("Status", "WechatStatus"),
        word=Word(field="WechatStatus"),
    ),
    Row(
        "WechatMiniProgramPublishComplete",
        vod.WechatMiniProgramPublishTask,
        fields=("WechatMiniProgramPublishEvent",),  # a captured push, and the vendor's demo server
        file_id=("FileId",),
        states=("Status", "PublishResult"),
        word=Word(field="PublishResult", good=(0, "0", "SUCCESS", "Pass")),
    ),
    Row(
        "RemoveWatermark",
        vod.RemoveWatermarkTask,
        field="RemoveWatermarkCompleteEvent",
        names=("RemoveWatermarkComplete",),  # the regular spelling, should the vendor come to use it
        file_id=("Input.FileId", "Output.FileId"),
    ),
    Row(
        "RestoreMediaComplete",
        vod.RestoreMediaTask,
        names=("RestoreCompleteEvent",),  # the first published page
        fields=("RestoreCompleteEvent",),  # the same
        lower_camel=True,  # the Chinese pages of 2021 and 2022
        file_id=("FileId",),
        states=(),
        by_digest=True,
        recurring=True,  # a temporary restore expires and can be asked for again
        word=Word(field="Status", open=("FINISH", "WAITING", "PROCESSING")),
    ),
    Row("RebuildMediaComplete", vod.RebuildMediaTask, file_id=("Input.FileId", "Output.FileId")),
    Row("ExtractTraceWatermarkComplete", vod.ExtractTraceWatermarkTask, file_id=("Input.FileId",)),
    Row("ExtractCopyRightWatermarkComplete", vod.ExtractCopyRightWatermarkTask),
    Row("ReviewAudioVideoComplete", vod.ReviewAudioVideoTask, file_id=("Input.FileId",)),
    Row(
        "ReduceMediaBitrateComplete",
        vod.ReduceMediaBitrateTask,
        file_id=("FileId", "MediaProcessResultSet[].TranscodeTask.Output.FileId"),
        results=("MediaProcessResultSet",),
    ),
    Row("DescribeFileAttributesComplete", vod.DescribeFileAttributesTask, file_id=("FileId",)),
    Row("QualityInspectComplete", vod.QualityInspectTask, file_id=("Input.FileId",)),
    Row("QualityEnhanceComplete", vod.QualityEnhanceTask, file_id=("Input.FileId", "Output.FileId")),
    Row("MediaCastStatusChanged", vod.MediaCastEvent, recurring=True, toggles=True),
    Row(
        "PersistenceComplete",
        vod.PersistenceCompleteTask,
        file_id=("FileId",),
        states=("PersistenceSource",),
        fact=True,
    ),
    Row(
        "ComplexAdaptiveDynamicStreamingComplete",
        vod.ComplexAdaptiveDynamicStreamingTask,
        results=("ComplexAdaptiveDynamicStreamingTaskResultSet",),
    ),
    Row(
        "ProcessMediaByMPSComplete",
        vod.ProcessMediaByMPS,
        file_id=("SubTaskSet[].Output.OutputFiles[].FileId",),
        results=("SubTaskSet",),
    ),
    Row(
        "AigcImageTaskComplete",
        vod.AigcImageTask,
        field="AigcImageCompleteEvent",
        file_id=("Input.FileInfos[].FileId", "Output.FileInfos[].FileId"),
    ),
    Row(
        "AigcVideoTaskComplete",
        vod.AigcVideoTask,
        field="AigcVideoCompleteEvent",
        file_id=("Input.FileInfos[].FileId", "Output.FileInfos[].FileId"),
    ),
    Row(
        "ExtractBlindWatermarkComplete",
        vod.ExtractBlindWatermarkTask,
        field="ExtractBlindWatermarkComplete",
        fields=("ExtractBlindWatermarkCompleteEvent",),  # the regular spelling
        file_id=("InputInfo.FileId",),
    ),
    Row(
        "SceneAigcImageCompleteEvent",
        vod.SceneAigcImageTask,
        field="SceneAigcImageCompleteEvent",
        names=("SceneAigcImageComplete",),  # the regular spelling
        file_id=("Input.FileInfos[].FileId", "Output.FileInfos[].FileId"),
    ),
    Row(
        "ProcessImageAsyncCompleteEvent",
        vod.ProcessImageAsync,
        field="ProcessImageAsyncCompleteEvent",  # the SDK names the settings' struct, a slip
        names=("ProcessImageAsyncComplete",),  # the regular spelling
        file_id=("Input.FileId",),
    ),
    Row(
        "CreateAigcAdvancedCustomElementCompleteEvent",
        vod.CreateAigcAdvancedCustomElementTask,
        field="CreateAigcAdvancedCustomElementCompleteEvent",
        names=("CreateAigcAdvancedCustomElementComplete",),  # the regular spelling
    ),
    Row(
        "CreateAigcCustomVoiceCompleteEvent",
        vod.CreateAigcCustomVoiceTask,
        field="CreateAigcCustomVoiceCompleteEvent",
        names=("CreateAigcCustomVoiceComplete",),  # the regular spelling
    ),
    Row(
        "DescribeAigcFaceInfoAsyncComplete",
        vod.DescribeAigcFaceInfoAsyncTask,
        file_id=("Input.FileInfos[].FileId",),
    ),
    Row(
        "AigcHunyuan3DTaskComplete",
        vod.AigcHunyuan3DTask,
        field="AigcHunyuan3DCompleteEvent",
        file_id=(
            "Input.ImageInfos[].FileId",
            "Input.MultiViewImageInfos[].FileId",
            "Input.MeshInfos[].FileId",
        ),
    ),
)

# Of types without a row nothing is known but the ids that most types have.
OTHER = Row("", vod.Payload, file_id=("FileId",))

BY_NAME: Mapping[str, Row] = MappingProxyType({name: row for row in ROWS for name in (row.name, *row.names)})
BY_FIELD: Mapping[str, Row] = MappingProxyType(
    {field: row for row in ROWS for field in (row.field, *row.fields)}
)
