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


class StatusField(Struct, frozen=True, kw_only=True):
    """A field of the payload by which a type says, in its own words, how it ended.

    A value in ``good`` is a success (what is good in a code is good here), one in ``open`` says nothing, any
    other one is a failure.
    """

    field: str
    success: tuple[int | str, ...] = (0, "0", "SUCCESS")
    neutral: tuple[str, ...] = ()


class EventType(Struct, frozen=True):
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
        """Tell whether the type's payload has this field by the catalogue."""
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

# Of types without a row nothing is known but the ids that most types have.
UNKNOWN_TYPE = EventType("", vod.Payload, file_id_paths=("FileId",))

BY_NAME: Mapping[str, EventType] = MappingProxyType(
    {name: row for row in EVENT_TYPES for name in (row.name, *row.aliases)}
)
BY_PAYLOAD_FIELD: Mapping[str, EventType] = MappingProxyType(
    {field: row for row in EVENT_TYPES for field in (row.field, *row.field_aliases)}
)
