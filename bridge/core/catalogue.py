"""The table of event types: one row each, and all the bridge knows about a type by name (vod-domain §3).

Decoding, identity, outcome, topics and schemas all use these rows; no other list of types exists. A new row
needs its struct in `schemas/vendor` and its sample pair in `schemas/examples`. `EventType` documents the
columns; the module that applies a column documents how.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import force_setattr

from bridge.core import payloads as vod


class StatusField(Struct, frozen=True, kw_only=True):
    """A payload field, other than ErrCode, that carries the result of a type.

    A value in ``success`` is a success, one in ``neutral`` says nothing about the result, any other value is
    a failure.
    """

    field: str
    success: tuple[int | str, ...] = (0, "0", "SUCCESS")
    neutral: tuple[str, ...] = ()


class EventType(Struct, frozen=True):
    """One event type: its names, where its payload stands, and how identity and outcome are derived from it.

    Envelope: ``name`` is the EventType, ``struct`` the payload's struct, ``field`` the member of the body
    that holds the payload (default: the name and "Event"). ``aliases`` and ``field_aliases`` are other
    spellings seen of the two. ``lower_camel``: the vendor once sent its keys in lower camel case.

    Identity: ``file_id_paths`` are paths to the FileId, the first that is set wins. ``state_fields`` tell
    occurrences of one task apart; ``id_has_digest`` adds the content's digest to the id where they do not
    suffice. ``no_subject``: no id in the payload names the occurrence. ``recurring``: equal content may be a
    new occurrence. ``latest_state_only``: only a repeat of the latest state is a duplicate.

    Outcome: ``result_sets`` are the fields whose elements report a result each; ``status_field`` is the
    type's own result field. ``always_succeeds``: the type states a fact, which cannot fail.
    """

    name: str
    struct: type[vod.Payload]
    field: str = ""
    aliases: tuple[str, ...] = ()
    field_aliases: tuple[str, ...] = ()
    lower_camel: bool = False
    file_id_paths: tuple[str, ...] = ()
    state_fields: tuple[str, ...] = ("Status",)
    id_has_digest: bool = False
    no_subject: bool = False
    recurring: bool = False
    latest_state_only: bool = False
    result_sets: tuple[str, ...] = ()
    status_field: StatusField | None = None
    always_succeeds: bool = False

    def __post_init__(self) -> None:
        if not self.field:
            force_setattr(self, "field", f"{self.name}Event")

    def has_field(self, field: str) -> bool:
        """Whether the catalogue has this field for the type's payload."""
        return field in self.struct.__struct_fields__


EVENT_TYPES: tuple[EventType, ...] = (
    EventType(
        "NewFileUpload",
        vod.FileUploadTask,
        field="FileUploadEvent",
        file_id_paths=("FileId",),
        state_fields=(),
        always_succeeds=True,
    ),
    EventType(
        "ProcedureStateChanged",
        vod.ProcedureTask,
        field="ProcedureStateChangeEvent",
        file_id_paths=("FileId", "MediaProcessResultSet[].TranscodeTask.Output.FileId"),
        id_has_digest=True,  # in notify mode Change one task and status is notified once per subtask
        result_sets=(
            "MediaProcessResultSet",
            "AiContentReviewResultSet",
            "AiAnalysisResultSet",
            "AiRecognitionResultSet",
        ),
    ),
    EventType(
        "FileDeleted",
        vod.FileDeleteTask,
        field="FileDeleteEvent",
        file_id_paths=("FileIdSet[]", "FileDeleteResultInfo[].FileId"),
        state_fields=(),
        no_subject=True,  # one event, many files, and parts of one file may be deleted again
        recurring=True,
        always_succeeds=True,
    ),
    EventType("PullComplete", vod.PullUploadTask, file_id_paths=("FileId",)),
    EventType(
        "EditMediaComplete",
        vod.EditMediaTask,
        field_aliases=("EditMediaComplete",),  # published samples of 2019 and 2020
        file_id_paths=("Input.FileInfoSet[].FileId", "Output.FileId"),
    ),
    EventType(
        "SplitMediaComplete",
        vod.SplitMediaTask,
        file_id_paths=("FileInfoSet[].Input.FileId", "FileInfoSet[].Output.FileId"),
        result_sets=("FileInfoSet",),
    ),
    EventType("ComposeMediaComplete", vod.ComposeMediaTask, file_id_paths=("Output.FileId",)),
    EventType(
        "ClipComplete",
        vod.ClipTask2017,
        file_id_paths=("SrcFileId", "FileInfo.FileId"),
        state_fields=(),
        result_sets=("FileInfo",),
    ),
    EventType("TranscodeComplete", vod.TranscodeTask2017, file_id_paths=("FileId",), state_fields=()),
    EventType(
        "CreateImageSpriteComplete", vod.CreateImageSpriteTask2017, file_id_paths=("FileId",), state_fields=()
    ),
    EventType(
        "ConcatComplete",
        vod.ConcatTask2017,
        file_id_paths=("FileInfoSet[].FileId",),
        state_fields=(),
        result_sets=("FileInfoSet",),
    ),
    EventType(
        "CreateSnapshotByTimeOffsetComplete",
        vod.SnapshotByTimeOffsetTask2017,
        field="SnapshotByTimeOffsetCompleteEvent",
        file_id_paths=("FileId",),
        state_fields=(),
        result_sets=("SnapshotInfoSet",),
    ),
    EventType(
        "WechatPublishComplete",
        vod.WechatPublishTask,
        field_aliases=("WechatPublishComplete",),  # every published sample
        file_id_paths=("FileId",),
        state_fields=("Status", "WechatStatus"),
        status_field=StatusField(field="WechatStatus"),
    ),
    EventType(
        "WechatMiniProgramPublishComplete",
        vod.WechatMiniProgramPublishTask,
        field_aliases=("WechatMiniProgramPublishEvent",),  # a captured push, and the vendor's demo server
        file_id_paths=("FileId",),
        state_fields=("Status", "PublishResult"),
        status_field=StatusField(field="PublishResult", success=(0, "0", "SUCCESS", "Pass")),
    ),
    EventType(
        "RemoveWatermark",
        vod.RemoveWatermarkTask,
        field="RemoveWatermarkCompleteEvent",
        aliases=("RemoveWatermarkComplete",),  # the regular spelling, should the vendor come to use it
        file_id_paths=("Input.FileId", "Output.FileId"),
    ),
    EventType(
        "RestoreMediaComplete",
        vod.RestoreMediaTask,
        aliases=("RestoreCompleteEvent",),  # the first published page
        field_aliases=("RestoreCompleteEvent",),  # the same
        lower_camel=True,  # the Chinese pages of 2021 and 2022
        file_id_paths=("FileId",),
        state_fields=(),
        id_has_digest=True,
        recurring=True,  # a temporary restore expires and can be asked for again
        status_field=StatusField(field="Status", neutral=("FINISH", "WAITING", "PROCESSING")),
    ),
    EventType("RebuildMediaComplete", vod.RebuildMediaTask, file_id_paths=("Input.FileId", "Output.FileId")),
    EventType(
        "ExtractTraceWatermarkComplete", vod.ExtractTraceWatermarkTask, file_id_paths=("Input.FileId",)
    ),
    EventType("ExtractCopyRightWatermarkComplete", vod.ExtractCopyRightWatermarkTask),
    EventType("ReviewAudioVideoComplete", vod.ReviewAudioVideoTask, file_id_paths=("Input.FileId",)),
    EventType(
        "ReduceMediaBitrateComplete",
        vod.ReduceMediaBitrateTask,
        file_id_paths=("FileId", "MediaProcessResultSet[].TranscodeTask.Output.FileId"),
        result_sets=("MediaProcessResultSet",),
    ),
    EventType("DescribeFileAttributesComplete", vod.DescribeFileAttributesTask, file_id_paths=("FileId",)),
    EventType("QualityInspectComplete", vod.QualityInspectTask, file_id_paths=("Input.FileId",)),
    EventType(
        "QualityEnhanceComplete", vod.QualityEnhanceTask, file_id_paths=("Input.FileId", "Output.FileId")
    ),
    EventType("MediaCastStatusChanged", vod.MediaCastEvent, recurring=True, latest_state_only=True),
    EventType(
        "PersistenceComplete",
        vod.PersistenceCompleteTask,
        file_id_paths=("FileId",),
        state_fields=("PersistenceSource",),
        always_succeeds=True,
    ),
    EventType(
        "ComplexAdaptiveDynamicStreamingComplete",
        vod.ComplexAdaptiveDynamicStreamingTask,
        result_sets=("ComplexAdaptiveDynamicStreamingTaskResultSet",),
    ),
    EventType(
        "ProcessMediaByMPSComplete",
        vod.ProcessMediaByMPS,
        file_id_paths=("SubTaskSet[].Output.OutputFiles[].FileId",),
        result_sets=("SubTaskSet",),
    ),
    EventType(
        "AigcImageTaskComplete",
        vod.AigcImageTask,
        field="AigcImageCompleteEvent",
        file_id_paths=("Input.FileInfos[].FileId", "Output.FileInfos[].FileId"),
    ),
    EventType(
        "AigcVideoTaskComplete",
        vod.AigcVideoTask,
        field="AigcVideoCompleteEvent",
        file_id_paths=("Input.FileInfos[].FileId", "Output.FileInfos[].FileId"),
    ),
    EventType(
        "ExtractBlindWatermarkComplete",
        vod.ExtractBlindWatermarkTask,
        field="ExtractBlindWatermarkComplete",
        field_aliases=("ExtractBlindWatermarkCompleteEvent",),  # the regular spelling
        file_id_paths=("InputInfo.FileId",),
    ),
    EventType(
        "SceneAigcImageCompleteEvent",
        vod.SceneAigcImageTask,
        field="SceneAigcImageCompleteEvent",
        aliases=("SceneAigcImageComplete",),  # the regular spelling
        file_id_paths=("Input.FileInfos[].FileId", "Output.FileInfos[].FileId"),
    ),
    EventType(
        "ProcessImageAsyncCompleteEvent",
        vod.ProcessImageAsync,
        field="ProcessImageAsyncCompleteEvent",  # the SDK names the settings' struct, a slip
        aliases=("ProcessImageAsyncComplete",),  # the regular spelling
        file_id_paths=("Input.FileId",),
    ),
    EventType(
        "CreateAigcAdvancedCustomElementCompleteEvent",
        vod.CreateAigcAdvancedCustomElementTask,
        field="CreateAigcAdvancedCustomElementCompleteEvent",
        aliases=("CreateAigcAdvancedCustomElementComplete",),  # the regular spelling
    ),
    EventType(
        "CreateAigcCustomVoiceCompleteEvent",
        vod.CreateAigcCustomVoiceTask,
        field="CreateAigcCustomVoiceCompleteEvent",
        aliases=("CreateAigcCustomVoiceComplete",),  # the regular spelling
    ),
    EventType(
        "DescribeAigcFaceInfoAsyncComplete",
        vod.DescribeAigcFaceInfoAsyncTask,
        file_id_paths=("Input.FileInfos[].FileId",),
    ),
    EventType(
        "AigcHunyuan3DTaskComplete",
        vod.AigcHunyuan3DTask,
        field="AigcHunyuan3DCompleteEvent",
        file_id_paths=(
            "Input.ImageInfos[].FileId",
            "Input.MultiViewImageInfos[].FileId",
            "Input.MeshInfos[].FileId",
        ),
    ),
)

# Types without a row: only the ids that most types have are known.
UNKNOWN_TYPE = EventType("", vod.Payload, file_id_paths=("FileId",))

BY_NAME: Mapping[str, EventType] = MappingProxyType(
    {name: row for row in EVENT_TYPES for name in (row.name, *row.aliases)}
)
BY_PAYLOAD_FIELD: Mapping[str, EventType] = MappingProxyType(
    {field: row for row in EVENT_TYPES for field in (row.field, *row.field_aliases)}
)
