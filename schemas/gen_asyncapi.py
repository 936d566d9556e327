# ruff: noqa: INP001 - a tool beside its data, no package
"""Generates `asyncapi.yaml` (AsyncAPI 3.0): every topic with its key, headers, schema and one example.

    python schemas/gen_asyncapi.py            write it to `bridge/schemas`, its only copy
    python schemas/gen_asyncapi.py --check    fail if it is out of date

The examples come from `schemas/examples`, their headers and keys from `bridge.core.record`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from bridge import __version__
from bridge.core.application import Application
from bridge.core.catalogue import EVENT_TYPES
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DedupStamp, Notification, Record
from bridge.core.outcome import RejectedError
from bridge.core.record import RECORD_MAX_BYTES, Routing, dead_letter, event_record

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = ROOT / "schemas"
EXAMPLES = SCHEMAS / "examples"
TARGET = ROOT / "bridge" / "schemas" / "asyncapi.yaml"
ROUTING = Routing()
BINDING = "0.5.0"
RECEIVED_MS = 1_767_225_600_000  # as in schemas/gen_examples.py
RETENTION_MS = {"dead-letter": 30 * 24 * 60 * 60 * 1000}
CASE_PREFERENCE = ("push", "pull", "made", "legacy")

DESCRIPTION = """\
Every event notification of Tencent Cloud VOD, each on the topic of its type, in one canonical shape.
Records are CloudEvents 1.0 in binary mode: the attributes are headers, the value is the event.
At least once, with the same `id` for the same occurrence.
What is promised about changes stands in schemas/README.md of the project.
"""
OTHER_DESCRIPTION = (
    "An event of a type that the catalogue does not know, or of one that the vendor has given up."
)
KEY_DESCRIPTION = (
    "The file's id, else the task's, else the cast's, else the application's name; equal keys keep order."
)

Node = dict[str, Any]


def document() -> Node:
    """Return the whole document."""
    triggers = json.loads((SCHEMAS / "triggers.json").read_text(encoding="utf-8"))
    topics = {row.name: ROUTING.topic.replace("{type}", row.name) for row in EVENT_TYPES}
    channels = {name: channel(name, topic) for name, topic in topics.items()}
    messages = {name: message(name, trigger_sentence(name, triggers.get(name, ""))) for name in topics}
    channels["other"] = channel("other", ROUTING.topic_other)
    messages["other"] = message("other", OTHER_DESCRIPTION)
    channels["dead-letter"] = channel("dead-letter", ROUTING.topic_dead_letter)
    messages["dead-letter"] = dead_letter_message()
    return {
        "asyncapi": "3.0.0",
        "id": "urn:vod-event-bridge",
        "info": info(),
        "defaultContentType": "application/json",
        "servers": servers(),
        "channels": channels,
        "operations": {f"publish-{name}": operation(name) for name in channels},
        "components": {
            "messages": messages,
            "messageTraits": {"cloud-event": trait()},
            "securitySchemes": {
                "scram": {
                    "type": "scramSha512",
                    "description": "Or PLAIN, SCRAM-SHA-256, OAUTHBEARER, a certificate.",
                }
            },
        },
    }


def info() -> Node:
    """Return the `info` object."""
    return {
        "title": "VOD Event Bridge",
        "version": __version__,
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0"},
        "externalDocs": {
            "description": "CloudEvents 1.0, the Kafka protocol binding",
            "url": "https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md",
        },
    }


def servers() -> Node:
    """Return the servers: their addresses are variables, set by the operator."""
    bootstrap = {"bootstrap": {"description": "host:port of a bootstrap broker", "default": "localhost:9092"}}
    return {
        "plain": {
            "host": "{bootstrap}",
            "protocol": "kafka",
            "description": "Kafka 2.3 or later; the bridge's setting kafka.bootstrap_servers.",
            "variables": bootstrap,
        },
        "secure": {
            "host": "{bootstrap}",
            "protocol": "kafka-secure",
            "description": "The same by TLS, where the bridge's setting kafka.security_protocol is *_SSL.",
            "variables": bootstrap,
            "security": [{"$ref": "#/components/securitySchemes/scram"}],
        },
    }


def channel(name: str, topic: str) -> Node:
    """Return the channel of a topic, as `vod-bridge topics --create` creates it with three brokers."""
    configuration: Node = {"cleanup.policy": ["delete"], "max.message.bytes": RECORD_MAX_BYTES}
    if name in RETENTION_MS:
        configuration["retention.ms"] = RETENTION_MS[name]
    binding = {
        "partitions": 4,
        "replicas": 3,
        "topicConfiguration": configuration,
        "bindingVersion": BINDING,
    }
    return {
        "address": topic,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {"kafka": binding},
    }


def operation(name: str) -> Node:
    """Return the operation: the bridge sends to the topic."""
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def trait() -> Node:
    """Return the message trait that the records of all events share."""
    return {
        "contentType": "application/json",
        "bindings": {
            "kafka": {"key": {"type": "string", "description": KEY_DESCRIPTION}, "bindingVersion": BINDING}
        },
    }


def message(name: str, summary: str) -> Node:
    """Return the message of a type, or of `other`."""
    headers: Node = {"$ref": "./headers.v1.schema.json"}
    schema = "event" if name == "other" else name
    if name != "other":
        exact = {
            "ce_type": {"const": f"com.tencentcloud.vod.{name}"},
            "ce_dataschema": {"const": f"{ROUTING.schema_base_uri}{name}.v1"},
        }
        headers = {"allOf": [headers, {"type": "object", "properties": exact}]}
    case = example_of(name)
    record = record_of(case)
    return {
        "name": name,
        "title": name,
        "summary": summary,
        "traits": [{"$ref": "#/components/messageTraits/cloud-event"}],
        "headers": headers,
        "payload": {"$ref": f"./{schema}.v1.schema.json"},
        "examples": [
            {
                "name": case.name.removesuffix(".in.json"),
                "summary": f"schemas/examples/{case.parent.name}, key {record.key.decode()}",
                "headers": header_texts(record),
                "payload": json.loads(output_of(case)),
            }
        ],
    }


def dead_letter_message() -> Node:
    """Return the message of dead letters."""
    case = next(
        case for case in sorted(EXAMPLES.glob("*/*.in.json")) if "reason" in json.loads(output_of(case))
    )
    try:
        read_event(open_envelope(case.read_bytes()))
    except RejectedError as rejected:
        record = dead_letter(notification(case), rejected.reason, rejected.detail, ROUTING)
    key = {"type": "string", "description": "The application's name."}
    return {
        "name": "dead-letter",
        "title": "Dead letter",
        "summary": "Bytes that can never be an event, as they were received, and why.",
        "contentType": "application/octet-stream",
        "bindings": {"kafka": {"key": key, "bindingVersion": BINDING}},
        "headers": {"$ref": "./dead-letter.v1.schema.json"},
        "payload": {"description": "The body as received, decompressed where that was possible: any bytes."},
        "examples": [
            {
                "name": case.name.removesuffix(".in.json"),
                "summary": f"schemas/examples/{case.parent.name}, key {record.key.decode()}",
                "headers": header_texts(record),
                "payload": record.value.decode(),
            }
        ],
    }


def trigger_sentence(name: str, trigger: str) -> str:
    """Return the sentence that describes the trigger of a type."""
    return f"{trigger[:1].upper()}{trigger[1:]}." if trigger else f"An event of type {name}."


def example_of(name: str) -> Path:
    """Return a type's example: the shortest, and in format 3.0 where there is one."""
    known = {row.name for row in EVENT_TYPES}
    folders = (
        [EXAMPLES / name]
        if name in known
        else sorted(set(EXAMPLES.iterdir()) - {EXAMPLES / one for one in known})
    )
    cases = [
        case for folder in folders for case in folder.glob("*.in.json") if "id" in json.loads(output_of(case))
    ]
    return min(
        cases,
        key=lambda case: (CASE_PREFERENCE.index(case.name.split("-")[0]), case.stat().st_size, case.name),
    )


def output_of(case: Path) -> str:
    """Read the expected output of a case."""
    return case.with_name(case.name.replace(".in.json", ".out.json")).read_text(encoding="utf-8")


def notification(case: Path) -> Notification:
    """Return a case as a notification."""
    application = Application(name="default")
    return Notification(application=application, body=case.read_bytes(), received_ms=RECEIVED_MS)


def record_of(case: Path) -> Record:
    """Encode the record of a case, for its key and headers."""
    event = read_event(open_envelope(case.read_bytes()))
    return event_record(event, DedupStamp(id=json.loads(output_of(case))["id"]), notification(case), ROUTING)


def header_texts(record: Record) -> Node:
    """Return the headers as text."""
    return {name: value.decode() for name, value in record.headers}


class PlainDumper(yaml.SafeDumper):
    """Dumps YAML without anchors, and multi-line texts as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 - as the library has it
        """Disable anchors."""
        return True


def _block(dumper: PlainDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


PlainDumper.add_representer(str, _block)


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; return the exit code."""
    text = "# Generated by schemas/gen_asyncapi.py, never edited.\n" + yaml.dump(
        document(), Dumper=PlainDumper, sort_keys=False, allow_unicode=True, width=110
    )
    if "--check" not in arguments:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{TARGET.relative_to(ROOT)} is not what schemas/gen_asyncapi.py writes: run it\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
