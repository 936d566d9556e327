"""The core alone, without HTTP, Redis and Kafka: bytes to record, digest included, beside json both ways.

As a program (``python -m tests.bench.core CORE QUICK``) it is what is measured: CPU time, best of many rounds
that alternate, each over bodies that are all different.
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Sequence

from bridge.core.application import Application
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DedupStamp, Notification, Record
from bridge.core.record import Routing, event_record
from tests.bench.bodies import LARGE, MIDDLE, SMALL, as_documented, of_every_type, of_legacy, of_size
from tests.bench.figures import ratio
from tests.bench.load import ONE_TYPE
from tests.bench.stage import Stage
from tests.bench.table import Cell, Table

RECEIVED_MS = 1_767_225_600_000
VARIANTS = 16
ROUNDS = (5, 60)  # quick, full
# The legacy tasks with many outputs: 2.9 to 4.1 KB.
LARGE_LEGACY_BYTES = 2_500
BYTES_A_ROUND = 100_000
SIZES = {"0.7 KB": SMALL, "7 KB": MIDDLE, "100 KB": LARGE}

NULL_SIBLINGS, UNKNOWN_MEMBER, UNKNOWN_SIBLING = "null siblings", "one unknown member", "one unknown sibling"
# Another value in each body, which the bridge must keep beside the payload.
VARYING_SIBLINGS = {
    "number": '"Sequence":10070707',
    "text": '"Sequence":"a-0070707"',
    "escaped text": '"Sequence":"a\\n0070707"',
    "object": '"Context":{"Number":10070707,"Name":"a-0070707"}',
}
NUMBER_MARK = "0070707"

Work = Callable[[bytes], object]


async def core(stage: Stage) -> Table:
    """Measure the core alone beside json.loads and json.dumps of the same body."""
    arguments = [str(stage.core), str(int(stage.quick))]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.core", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    rows: list[dict[str, Cell]] = json.loads(output)
    found = {str(row["body"]): float(row["core to json"]) for row in rows}
    core_us = {str(row["body"]): float(row["core us"]) for row in rows}
    large_legacy = [
        (float(row["core us"]), float(row["json us"]))
        for row in rows
        if str(row["body"]).startswith("legacy") and int(row["bytes"]) > LARGE_LEGACY_BYTES
    ]
    legacy_core_us, legacy_json_us = (sum(column) for column in zip(*large_legacy, strict=True))
    return Table(
        title=f"the core alone, best of {ROUNDS[not stage.quick]} rounds",
        rows=rows,
        results={
            "core_to_json_0.7_KB": found["ProcedureStateChanged 0.7 KB"],
            "core_to_json_one_type": found["one type"],
            "core_to_json_7_KB": found["ProcedureStateChanged 7 KB"],
            "core_to_json_100_KB": found["ProcedureStateChanged 100 KB"],
            "core_to_json_legacy_3_KB": ratio(legacy_core_us, legacy_json_us),
            "null_siblings_us": round(core_us[NULL_SIBLINGS] - core_us["one type"], 1),
            "unknown_member_us": round(core_us[UNKNOWN_MEMBER] - core_us[NULL_SIBLINGS], 1),
            "unknown_sibling_us": round(core_us[UNKNOWN_SIBLING] - core_us[NULL_SIBLINGS], 1),
        }
        | {
            f"unknown_{kind.replace(' ', '_')}_us": round(core_us[_varying(kind)] - core_us[NULL_SIBLINGS], 1)
            for kind in VARYING_SIBLINGS
        },
        bars={
            "core_to_json_0.7_KB": 0.7,
            "core_to_json_one_type": 0.7,
            "core_to_json_7_KB": 0.55,
            "core_to_json_legacy_3_KB": 1.2,
            "unknown_member_us": 2,
            "unknown_sibling_us": 2,
        }
        | {f"unknown_{kind.replace(' ', '_')}_us": 2 for kind in VARYING_SIBLINGS},
        dreams={
            "core_to_json_0.7_KB": 0.5,
            "core_to_json_one_type": 0.5,
            "core_to_json_7_KB": 0.35,
            "core_to_json_legacy_3_KB": 0.9,
        },
    )


def cases() -> dict[str, str]:
    """Give what is read, by name."""
    legacy = {f"legacy {number + 1}": body for number, body in enumerate(of_legacy())}
    sizes = {f"ProcedureStateChanged {name}": of_size(size) for name, size in SIZES.items()}
    return {"one type": ONE_TYPE} | _documented() | sizes | of_every_type() | legacy


def _documented() -> dict[str, str]:
    """Give the vendor's form with null siblings: as it is, and with one member that no catalogue has."""
    known = next(as_documented(ONE_TYPE))
    return {
        NULL_SIBLINGS: known,
        UNKNOWN_MEMBER: known.replace('"SessionId":', '"Priority":5,"SessionId":', 1),
        UNKNOWN_SIBLING: known.removesuffix("}") + ',"NewTaskCompleteEvent":null}',
    } | {_varying(kind): f"{known.removesuffix('}')},{member}}}" for kind, member in VARYING_SIBLINGS.items()}


def _varying(kind: str) -> str:
    return f"{UNKNOWN_SIBLING}, another {kind} each"


def read_and_write(body: bytes) -> Record:
    """Do what the bridge does with a body that it publishes."""
    notification = Notification(application=_APPLICATION, body=body, received_ms=RECEIVED_MS)
    event = read_event(open_envelope(body))
    return event_record(event, DedupStamp(id=event.identity.key), notification, _ROUTING)


def both_ways(body: bytes) -> str:
    """Do the least that json can."""
    return json.dumps(json.loads(body))


def best_us(bodies: Sequence[bytes], rounds: int) -> tuple[float, float]:
    """Give the least CPU time of a body in microseconds: the core's and json's."""
    times = max(1, BYTES_A_ROUND // sum(map(len, bodies)))
    ours = theirs = float("inf")
    for _ in range(rounds):
        ours = min(ours, _cpu_us(read_and_write, bodies, times))
        theirs = min(theirs, _cpu_us(both_ways, bodies, times))
    return ours, theirs


def _cpu_us(work: Work, bodies: Sequence[bytes], times: int) -> float:
    began = time.thread_time()
    for _ in range(times):
        for body in bodies:
            work(body)
    return (time.thread_time() - began) * 1e6 / (times * len(bodies))


def main() -> None:
    """Measure all and print the rows."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    rounds = ROUNDS[not int(sys.argv[2])]
    gc.freeze()  # what was imported is not walked again and again
    rows = []
    for name, text in cases().items():
        bodies = [
            text.replace("@", f"bx00000000-{number:07d}x").replace(NUMBER_MARK, f"{number:07d}").encode()
            for number in range(VARIANTS)
        ]
        ours, theirs = best_us(bodies, rounds)
        rows.append(
            {
                "body": name,
                "bytes": len(bodies[0]),
                "core us": round(ours, 1),
                "json us": round(theirs, 1),
                "core to json": ratio(ours, theirs),
            }
        )
    sys.stdout.write(json.dumps(rows))


_APPLICATION = Application(name="default")
_ROUTING = Routing()

if __name__ == "__main__":
    main()
