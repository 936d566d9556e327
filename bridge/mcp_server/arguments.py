"""The arguments of the tools. Their JSON schemas and the checks are drawn from here."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from bridge.operations.find import DEFAULT_DAYS, TEXT_MAX

BODY_MAX_BYTES = 1_048_576
"""The largest notification that `explain` takes."""

_TEXT_MAX = 512
_BASE64_MAX = (BODY_MAX_BYTES + 2) // 3 * 4

_Limit = Annotated[int, Meta(ge=1, le=100, description="At most so many records.")]
_Application = Annotated[
    str, Meta(max_length=_TEXT_MAX, description="Only this application of the settings; empty for all.")
]
_Since = Annotated[
    str, Meta(max_length=40, description="Only those written from then on: RFC 3339 with its zone.")
]
_Until = Annotated[str, Meta(max_length=40, description="Only those written before: RFC 3339 with its zone.")]
_Plan = Annotated[
    str, Meta(max_length=64, description="The plan that a call without it gave. Given alone, it is done.")
]
_Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Texts = Annotated[list[Annotated[str, Meta(max_length=_TEXT_MAX)]], Meta(max_length=100)]


class Arguments(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every tool's arguments have: nothing unknown is taken."""


class NoArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """None."""


class ExplainArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A notification, given in one of three ways."""

    body: Annotated[
        str | None, Meta(description="The notification as text. Give one of body, body_base64, path.")
    ] = None
    body_base64: Annotated[
        Annotated[str, Meta(max_length=_BASE64_MAX)] | None,
        Meta(description="The notification's bytes, where they are no plain text."),
    ] = None
    path: Annotated[
        Annotated[str, Meta(max_length=4096)] | None,
        Meta(description="A file of this server's machine; only below a folder of its option --files."),
    ] = None
    application: Annotated[
        str, Meta(max_length=_TEXT_MAX, description="The application that it would come from.")
    ] = "default"


class FindArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is looked for, and how far back."""

    id: Annotated[
        str,
        Meta(min_length=4, max_length=TEXT_MAX, description="A file id, task id, event id or session id."),
    ]
    days: Annotated[float, Meta(gt=0, le=3660, description="How far to look back.")] = float(DEFAULT_DAYS)
    everywhere: Annotated[
        bool,
        Meta(description="For a file id: read all partitions, also for events that only name it. Slower."),
    ] = False
    limit: _Limit = 20


class RecordArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a record is, as `find`, `tail` and `dead_letters` show it."""

    topic: Annotated[str, Meta(min_length=1, max_length=249)]
    partition: _Number
    offset: _Number


class TailArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the newest records."""

    type: Annotated[
        str,
        Meta(
            max_length=_TEXT_MAX,
            description="Only this event type; `other` for types unknown to the catalogue; empty for all.",
        ),
    ] = ""
    application: _Application = ""
    outcome: Literal["", "succeeded", "failed", "partial", "in_progress", "unknown", "rejected"] = ""
    limit: _Limit = 20


class DeadLetterArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters."""

    reason: Annotated[str, Meta(max_length=_TEXT_MAX, description="Only this reason; empty for all.")] = ""
    application: _Application = ""
    max_age_hours: Annotated[
        Annotated[float, Meta(gt=0, le=100_000)] | None,
        Meta(description="Only groups with one written in the last hours."),
    ] = None
    records: Annotated[
        int, Meta(ge=0, le=20, description="So many of the newest pending ones of each group.")
    ] = 3


class SchemaArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which type."""

    type: Annotated[
        str, Meta(max_length=_TEXT_MAX, description="The event type; empty for the list of all types.")
    ] = ""


class MetricsArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which metrics of the running bridge."""

    name: Annotated[
        str, Meta(max_length=200, description="Only metrics whose name has this in it; empty for all.")
    ] = ""
    buckets: Annotated[bool, Meta(description="Also the buckets of histograms.")] = False
    limit: Annotated[int, Meta(ge=1, le=500, description="At most so many samples.")] = 200


class ReplayArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters are replayed; empty for all that are pending. Then the plan, alone."""

    reasons: _Texts = []
    applications: _Texts = []
    records: Annotated[
        list[tuple[_Number, _Number]],
        Meta(max_length=1000, description="Only these: [partition, offset] on the dead-letter topic."),
    ] = []
    since: _Since = ""
    until: _Until = ""
    plan: _Plan = ""


class CreateTopicsArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How missing topics are created. Then the plan, alone."""

    partitions: Annotated[int, Meta(ge=1, le=10_000)] = 4
    replication: Annotated[
        int, Meta(ge=0, le=100, description="Copies; 0: 3, or as many as there are brokers.")
    ] = 0
    plan: _Plan = ""
