"""Notifications as the vendor writes them, made for a test, and the published ones, reordered too."""

import json
from itertools import count
from pathlib import Path
from typing import Any

from tests.rig.parts import ROOT

EXAMPLES = ROOT / "schemas" / "examples"
_numbers = count(1)


def new_task() -> str:
    """Give a TaskId that no other notification of this run has."""
    return f"1256768367-EditMedia-{next(_numbers):08d}"


def edited(
    task: str,
    *,
    url: str = "http://example.com/f0.mp4",
    file: str = "",
    sign: tuple[str, Any] | None = None,
) -> bytes:
    """Write the end of an edit, as format 3.0 writes it.

    Each task has a file, and so a key, of its own unless ``file`` names one.
    """
    body: dict[str, Any] = {
        "EventType": "EditMediaComplete",
        "EditMediaCompleteEvent": {
            "TaskId": task,
            "Status": "FINISH",
            "ErrCode": 0,
            "Message": "SUCCESS",
            "Input": {"InputType": "File", "FileInfoSet": [{"FileId": file or f"file-of-{task}"}]},
            "Output": {"FileType": "mp4", "FileId": f"made-by-{task}", "FileUrl": url},
        },
    }
    if sign is not None:
        body["Sign"], body["T"] = sign
    return json.dumps(body).encode()


def edited_id(task: str) -> str:
    """Spell the id of that event."""
    return f"EditMediaComplete:{task}:FINISH"


def published_payloads() -> list[Path]:
    """List the example notifications, sorted; beside each lies what becomes of it."""
    return sorted(EXAMPLES.glob("*/*.in.json"))


def expected(case: Path) -> dict[str, Any]:
    """Read what becomes of an example: the canonical event, or how it is rejected."""
    golden = case.with_name(case.name.replace(".in.json", ".out.json"))
    event: dict[str, Any] = json.loads(golden.read_bytes())
    return event


def reordered(body: bytes) -> bytes:
    """Turn the order of the keys round at every level."""
    return json.dumps(json.loads(body, object_pairs_hook=lambda pairs: dict(reversed(pairs)))).encode()
