"""A consumer's mistakes are found by mypy --strict and by pyright, before the program runs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.parts import ROOT, MissingPartError

# To one worker: each would run both programs once more.
pytestmark = [pytest.mark.services, pytest.mark.xdist_group("types")]

GOOD = """# pyright: strict
from bridge.consumer import OTHER, Consumer, Event, UnlistedType, subscribe
from bridge.consumer.payloads import ClipComplete, TranscodeComplete

consumer = Consumer(group="g", bootstrap_servers="kafka:9092")


@consumer.on("TranscodeComplete")
async def handle(event: Event[TranscodeComplete]) -> None:
    if event.outcome == "succeeded" and event.conformance != "nonconforming":
        print(event.payload.PlayInfoSet)


@consumer.on("ClipComplete", "NewFileUpload")
@consumer.on(UnlistedType("Later"))
@consumer.on(OTHER)
async def handle_any(event: Event[object]) -> None:
    print(event.payload)


async def read() -> None:
    async for event in subscribe("ClipComplete", group="g", bootstrap_servers="kafka:9092"):
        payload: ClipComplete = event.payload
        print(payload.SrcFileId, event.delivery.mode == "push")
"""

MISTAKES = {
    "a field that the payload does not have": ("event.payload.PlayInfoSet", "event.payload.PlayInfos"),
    "another outcome": ('event.outcome == "succeeded"', 'event.outcome == "suceeded"'),
    "another conformance": ('!= "nonconforming"', '!= "broken"'),
    "another type's name": ('subscribe("ClipComplete"', 'subscribe("ClipCompleted"'),
    "a handler for another type's name": ('consumer.on("ClipComplete"', 'consumer.on("ClipCompleted"'),
    "a handler of another payload": ('@consumer.on("TranscodeComplete")', '@consumer.on("ClipComplete")'),
    "another payload's variable": ("payload: ClipComplete", "payload: TranscodeComplete"),
    "an option that does not exist": ('group="g", bootstrap', 'group="g", attempt=3, bootstrap'),
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the program without a mistake, and with each."""
    folder = tmp_path_factory.mktemp("programs")
    texts = {"good": GOOD} | {
        name: GOOD.replace(right, wrong, 1) for name, (right, wrong) in MISTAKES.items() if right in GOOD
    }
    assert texts.keys() == {"good", *MISTAKES}
    written = {}
    for number, (name, text) in enumerate(texts.items()):
        written[name] = folder / f"program_{number}.py"
        written[name].write_text(text, encoding="utf-8")
    return written


@pytest.fixture(scope="module")
def found_by_mypy(programs: dict[str, Path]) -> dict[str, list[str]]:
    """Give the errors of mypy --strict by program."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "/dev/null"]
    command += map(str, programs.values())
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)  # noqa: S603
    return {
        name: [line for line in done.stdout.splitlines() if f"{path.name}:" in line and ": error:" in line]
        for name, path in programs.items()
    }


@pytest.fixture(scope="module")
def found_by_pyright(programs: dict[str, Path]) -> dict[str, list[str]]:
    """Give the errors of pyright by program; it is fetched by npm, once."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(  # noqa: S603
        [*command, *programs.values()], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    try:
        diagnostics = json.loads(done.stdout)["generalDiagnostics"]
    except ValueError:
        lines = done.stderr.splitlines() or ["it printed nothing"]
        raise MissingPartError("node", f"pyright does not run here ({lines[-1]}): node and npm") from None
    return {
        name: [
            one["message"] for one in diagnostics if one["file"] == str(path) and one["severity"] == "error"
        ]
        for name, path in programs.items()
    }


def test_a_right_program_has_no_error(
    found_by_mypy: dict[str, list[str]], found_by_pyright: dict[str, list[str]]
) -> None:
    assert (found_by_mypy["good"], found_by_pyright["good"]) == ([], [])


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mypy_finds(mistake: str, found_by_mypy: dict[str, list[str]]) -> None:
    assert found_by_mypy[mistake]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_pyright_finds(mistake: str, found_by_pyright: dict[str, list[str]]) -> None:
    assert found_by_pyright[mistake]


def test_a_wrong_field_is_named(found_by_mypy: dict[str, list[str]]) -> None:
    (line,) = found_by_mypy["a field that the payload does not have"]
    assert re.search(r'"TranscodeTask2017" has no attribute "PlayInfos"; maybe "PlayInfoSet"\?', line)
