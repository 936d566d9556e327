# ruff: noqa: INP001 - a tool beside its data, no package
"""Generates `schemas/examples/<EventType>/<case>.out.json`: the event for each `<case>.in.json`.

    python schemas/gen_examples.py            write them, for review in the diff
    python schemas/gen_examples.py --check    fail if one is out of date

A type of the catalogue without a published notification gets `made-01.in.json`, generated from the vendor's
catalogue with plausible values. All are decoded as deliveries to the application `default` at one fixed time,
cases that begin with `pull` as pulled ones. Of each type one notification in format 3.0, and one
in the legacy format where there is one, is copied to `bridge/samples`, for `vod-bridge send --example`.
"""

import json
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from bridge.core.application import Application
from bridge.core.catalogue import EVENT_TYPES, EventType
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DedupStamp, Notification
from bridge.core.outcome import RejectedError
from bridge.core.record import Routing, event_record

ROOT = Path(__file__).resolve().parent
EXAMPLES = ROOT / "examples"
VENDOR = ROOT / "vendor" / "structs.json"
SAMPLES = ROOT.parent / "bridge" / "samples"
RECEIVED_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z

Field = dict[str, Any]

# Sample values by key, used where the catalogue lists no values and the type fits.
SAMPLE_VALUES: dict[str, Any] = {
    "Bitrate": 2_125_120,
    "Codec": "h264",
    "Confidence": 95.5,
    "Container": "mp4",
    "Definition": 10,
    "Duration": 60.5,
    "ErrCodeExt": "",
    "FileType": "mp4",
    "Fps": 25,
    "Height": 1080,
    "Md5": "b3ae6ed07d9bf4efeeb94ed2d37ff3e3",
    "Message": "SUCCESS",
    "Progress": 100,
    "SamplingRate": 44_100,
    "SessionContext": "what the caller gave",
    "Size": 10_485_760,
    "Width": 1920,
}
SAMPLE_BY_SUFFIX: dict[str, Any] = {
    "Url": "http://1256768367.vod2.myqcloud.com/xxx/xxx/f0.mp4",
    "Time": "2026-01-01T00:00:00Z",
    "Code": 0,
}
SAMPLE_BY_TYPE: dict[str, Any] = {"integer": 1, "number": 0.5, "boolean": True}


def example_output(body: bytes, *, pulled: bool = False) -> bytes:
    """Return the canonical event of a notification, or the reject reason, as indented JSON."""
    notification = Notification(
        application=Application(name="default"),
        body=body,
        received_ms=RECEIVED_MS,
        mode="pull" if pulled else "push",
    )
    try:
        event = read_event(open_envelope(body))
    except RejectedError as rejected:
        encoded = msgspec.json.encode({"outcome": "rejected", "reason": rejected.reason})
    else:
        identity = event.identity
        event_id = f"{identity.key}@{RECEIVED_MS}" if identity.recurring else identity.key
        encoded = event_record(event, DedupStamp(id=event_id), notification, Routing()).value
    return msgspec.json.format(encoded, indent=2) + b"\n"


def example_notification(row: EventType, structs: dict[str, list[Field]]) -> bytes:
    """Return a notification of a type with every key that the catalogue has for it."""
    ids = count(5285890784273533167)

    def sample_object(struct: str) -> dict[str, Any]:
        return {field["name"]: value(field) for field in structs[struct]}

    def value(field: Field) -> Any:  # noqa: ANN401 - any JSON value
        one: Any
        if "struct" in field:
            one = sample_object(field["struct"])
        elif field["name"].endswith("FileId"):
            one = str(next(ids))
        else:
            one = _sample_value(field)
        return [one] if field.get("array") else one

    payload = sample_object(row.struct.__name__)
    if "TaskId" in payload:
        payload["TaskId"] = (
            f"1256768367-{row.name.removesuffix('Complete')}-f5ac8127b3b6b85cdc13f237c6005d8t0"
        )
    return json.dumps({"EventType": row.name, row.field: payload}, indent=2).encode() + b"\n"


def _sample_value(field: Field) -> Any:  # noqa: ANN401 - any JSON value
    name, json_type, enum_values = field["name"], field["type"], field.get("enum", [])
    success_value = next((word for word in ("FINISH", "SUCCESS", "Pass") if word in enum_values), None)
    if success_value:
        return success_value
    sample = SAMPLE_VALUES.get(
        name, next((value for end, value in SAMPLE_BY_SUFFIX.items() if name.endswith(end)), None)
    )
    if json_type == "string" and sample is not None:
        return str(sample)
    if json_type in ("integer", "number") and isinstance(sample, int | float):
        return int(sample) if json_type == "integer" else float(sample)
    if enum_values:
        return enum_values[0]
    return SAMPLE_BY_TYPE.get(json_type, field["meaning"])


def types_without_example() -> Iterator[tuple[Path, EventType]]:
    """Yield (path, type) of the types that have no example in format 3.0."""
    for row in EVENT_TYPES:
        folder = EXAMPLES / row.name
        if all(case.name.startswith("legacy") for case in folder.glob("*.in.json")):
            yield folder / "made-01.in.json", row


def package_samples() -> Iterator[tuple[Path, bytes]]:
    """Yield (path, notification) of what the package has for each type."""
    for folder in sorted(EXAMPLES.iterdir()):
        pushed = [*sorted(folder.glob("push-*.in.json")), *folder.glob("made-01.in.json")]
        for name, cases in (("3.0", pushed), ("legacy", sorted(folder.glob("legacy-*.in.json")))):
            case = next((one for one in cases if "mismatch" not in one.name), None)
            if case is not None:
                yield SAMPLES / name / f"{folder.name}.json", case.read_bytes()


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; return the exit code."""
    check = "--check" in arguments
    wrong = [path for path, _ in types_without_example()] if check else []
    if not check:
        structs = json.loads(VENDOR.read_text(encoding="utf-8"))["structs"]
        for path, row in types_without_example():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(example_notification(row, structs))
    for case in sorted(EXAMPLES.glob("*/*.in.json")):
        out = case.with_name(case.name.replace(".in.json", ".out.json"))
        text = example_output(case.read_bytes(), pulled=case.name.startswith("pull"))
        if not check:
            out.write_bytes(text)
        elif not out.exists() or out.read_bytes() != text:
            wrong.append(out)
    samples = dict(package_samples())
    for path, text in samples.items():
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        elif not path.exists() or path.read_bytes() != text:
            wrong.append(path)
    wrong += [path for path in SAMPLES.glob("*/*.json") if check and path not in samples]
    for path in wrong:
        sys.stderr.write(
            f"{path.relative_to(ROOT.parent)} is not what schemas/gen_examples.py writes: run it\n"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
