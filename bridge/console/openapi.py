"""The OpenAPI document: schemas are drawn from the structs, paths are written here."""

from functools import lru_cache
from importlib.metadata import version
from typing import Any

from msgspec.json import schema_components

from bridge.console.answers import (
    Applications,
    CallbackTest,
    DeadLetters,
    Deliveries,
    EventTypes,
    Findings,
    Found,
    Groups,
    Job,
    SettingsInForce,
    SpoolState,
    Status,
    Topics,
    VendorStates,
)
from bridge.console.cursor import PATTERN
from bridge.console.problem import CONTENT_TYPE, Problem
from bridge.console.requests import CallbackTestArgs, RedriveArgs, ReplayArgs, ReplayState
from bridge.operations.read_record import RecordDetails

_TYPES = (
    Applications,
    CallbackTest,
    CallbackTestArgs,
    DeadLetters,
    Deliveries,
    EventTypes,
    Findings,
    Found,
    Groups,
    Job,
    Problem,
    RecordDetails,
    RedriveArgs,
    ReplayArgs,
    ReplayState,
    SettingsInForce,
    SpoolState,
    Status,
    Topics,
    VendorStates,
)
_DELIVERY_FILTERS = {
    "application": "Only of this application.",
    "type": "Only of this event type.",
    "outcome": "published, duplicate, spooled, rejected, unauthorized, deferred, or refused (no delivery).",
    "file": "Only of this file id.",
    "task": "Only of this task id.",
    "limit": "At most so many, up to 1000; 200 if not given, or 0.",
    "after": "Only after this: `last_number` of an earlier answer.",
    "peers": "0: of this replica alone. Else the others of `admin.peers` are asked, too.",
}
_PEERS = {"peers": _DELIVERY_FILTERS["peers"]}
_FIND = {
    "q": "A file, task, event or session id, 4 to 512 characters.",
    "days": "How many days to look back, at most 366; 7 if not given.",
    "everywhere": "1: for a file id read all partitions, for events that name it without being keyed by it.",
}
_TIMES = {
    "since": "Only what was written at this time or later: RFC 3339 with a zone.",
    "until": "Only what was written before this time.",
}
_QUERY_SCHEMAS: dict[str, dict[str, Any]] = {
    "q": {"type": "string", "minLength": 4, "maxLength": 512},
    "days": {"type": "integer", "minimum": 0, "maximum": 366},
    "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
    "after": {"type": "string", "pattern": PATTERN},
    "peers": {"type": "integer", "minimum": 0, "maximum": 1},
    "since": {"type": "string", "format": "date-time"},
    "until": {"type": "string", "format": "date-time"},
}
_EVENT_STREAM = "With `Accept: text/event-stream` as a stream of server-sent events."


def _operation(
    summary: str, answer: type, *, query: dict[str, str] | None = None, path: tuple[str, ...] = ()
) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in path
    ]
    parameters += [
        {
            "name": name,
            "in": "query",
            "required": name == "q",
            "description": text,
            "schema": _QUERY_SCHEMAS.get(name, {"type": "string"}),
        }
        for name, text in (query or {}).items()
    ]
    found: dict[str, Any] = {"summary": summary, "responses": _responses(answer)}
    return found | ({"parameters": parameters} if parameters else {})


def _responses(answer: type, status: str = "200") -> dict[str, Any]:
    return {
        status: {"description": "The answer.", "content": {"application/json": {"schema": _ref(answer)}}},
        "default": {
            "description": "What is wrong, and what to do about it.",
            "content": {CONTENT_TYPE: {"schema": _ref(Problem)}},
        },
    }


def _ref(answer: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{answer.__name__}"}


def _streamed(operation: dict[str, Any]) -> dict[str, Any]:
    operation["description"] = _EVENT_STREAM
    operation["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    return operation


def _action(summary: str, args: type, *, path: tuple[str, ...] = ()) -> dict[str, Any]:
    more = "A dry run only reads; the rest needs admin.token and answers 202."
    operation = _operation(f"{summary} {more}", ReplayState, path=path)
    operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(args)}}}
    operation["responses"] |= {"202": _responses(Job, "202")["202"]}
    return operation


def _paths() -> dict[str, Any]:
    schema_answer = {"description": "The JSON Schema.", "content": {"application/schema+json": {}}}
    schema = _operation("The JSON Schema of a type's events.", Problem, path=("type",))
    schema["responses"]["200"] = schema_answer
    replay = _action("Replay dead letters.", ReplayArgs)
    redrive = _action("Redrive a consumer group's dead letters, to it alone.", RedriveArgs, path=("group",))
    test = _operation(
        "Post a test notification to an application's public callback URL. A dry run shows it; the rest needs"
        " admin.token.",
        CallbackTest,
        path=("application",),
    )
    test["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": _ref(CallbackTestArgs)}},
    }
    return {
        "/status": {"get": _operation("How this replica is, and the others.", Status, query=_PEERS)},
        "/deliveries": {
            "get": _streamed(_operation("The recent deliveries.", Deliveries, query=_DELIVERY_FILTERS))
        },
        "/applications": {"get": _operation("The applications.", Applications)},
        "/applications/vendor": {
            "get": _operation("The vendor's view of each, where there are credentials.", VendorStates)
        },
        "/applications/{application}/test": {"post": test},
        "/topics": {"get": _operation("The topics that the bridge writes to.", Topics)},
        "/groups": {"get": _operation("The consumer groups on them, with their lag.", Groups)},
        "/groups/{group}/redrive": {"post": redrive},
        "/spool": {"get": _operation("The spool of this replica.", SpoolState)},
        "/settings": {"get": _operation("The settings in force, secrets masked.", SettingsInForce)},
        "/types": {"get": _operation("The catalogue of event types.", EventTypes)},
        "/types/{type}/schema": {"get": schema},
        "/events/{topic}/{partition}/{offset}": {
            "get": _operation("One record.", RecordDetails, path=("topic", "partition", "offset"))
        },
        "/find": {"get": _streamed(_operation("The records of an id, newest first.", Found, query=_FIND))},
        "/dead-letters": {
            "get": _operation("The dead letters by reason and application.", DeadLetters, query=_TIMES)
        },
        "/dead-letters/replay": {"post": replay},
        "/jobs/{job}": {"get": _operation("How far a replay is.", Job, path=("job",))},
        "/check": {"get": _operation("Run all checks.", Findings)},
    }


@lru_cache(maxsize=1)
def openapi_document() -> dict[str, Any]:
    """Return the document, OpenAPI 3.1. Its server is relative: it works below any path."""
    _, components = schema_components(
        _TYPES, ref_template="#/components/schemas/{name}", schema_hook=lambda _: {"type": "object"}
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "VOD Event Bridge",
            "version": version("vod-event-bridge"),
            "description": "What the console shows, as JSON. Read-only without a token.",
        },
        "servers": [{"url": "."}],
        "paths": _paths(),
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }
