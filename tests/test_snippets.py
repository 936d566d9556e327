"""The commands and programs of the pages for newcomers run as they are typed, beside one ``vod-bridge dev``.

Each line of a shell block either runs here or has its reason in `NOT_HERE`, and each program likewise: a new
one that has neither is an error. Addresses are replaced by those of the instance; nothing else is.
"""

import asyncio
import json
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from tests.cli.cli_process import TIMEOUT_S, environment, vod_bridge
from tests.cli.dev_process import DevProcess, dev_process
from tests.rig.parts import ROOT, free_port
from tests.rig.reaper import watch_process
from tests.rig.waiting import eventually

pytest.importorskip("confluent_kafka")

PAGES = ("README.md", "CONTRIBUTING.md", "schemas/README.md", "deploy/chart/README.md")
NOT_HERE = {
    "docker build": "needs docker: make kube builds the image",
    "make run": "dev itself, beside which the others run",
    "make test": "what runs this",
    "kubectl": "needs a Kubernetes: make kube",
    "helm -n events": "needs a Kubernetes: make kube; tests/deploy renders it",
    "yaml": "values of the chart: tests/deploy renders each option",
    "java": "make interop runs it",
    "js": "make interop runs it",
    "go": "needs franz-go from a module proxy",
}
FINISHED = (
    b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent":{"TaskId":"t","FileId":"f","ErrCode":0}}'
)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"\bmake ([a-z][a-z-]*)|\bpython -m (tests\.[a-z_.]+)")


class Snippet(NamedTuple):
    """A program, or one line of a shell block; ``language`` is the block's."""

    page: str
    language: str
    text: str

    @property
    def reason(self) -> str:
        """Why it does not run here; empty where it does."""
        start = self.text if self.language == "sh" else self.language
        return next((reason for command, reason in NOT_HERE.items() if start.startswith(command)), "")


def _snippets() -> list[Snippet]:
    found = []
    for page in PAGES:
        for language, text in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
            parts = text.replace("\\\n", " ").splitlines() if language == "sh" else [text]
            found += [Snippet(page, language, part) for part in parts if part and not part.startswith("#")]
    return [snippet for snippet in found if snippet.language != "json"]  # what a command answers


SNIPPETS = _snippets()
EXPORTS = [snippet for snippet in SNIPPETS if snippet.text.startswith("export ")]
COMMANDS = [
    snippet
    for snippet in SNIPPETS
    if snippet.language == "sh" and not snippet.reason and snippet not in EXPORTS
]
PROGRAMS = [snippet for snippet in SNIPPETS if snippet.language == "python"]


def _named(snippet: Snippet) -> str:
    return f"{snippet.page}-{snippet.text.split('#')[0].strip()[:40]}"


@pytest.fixture
async def dev() -> AsyncIterator[DevProcess]:
    """Give one running instance."""
    async with dev_process() as running:
        yield running


def test_every_snippet_runs_here_or_has_a_reason() -> None:
    unknown = [
        snippet for snippet in SNIPPETS if snippet.language not in {"sh", "python"} and not snippet.reason
    ]
    assert unknown == []
    started = {snippet.text.split()[0] for snippet in COMMANDS}
    assert started == {"curl", "vod-bridge"}
    assert len(PROGRAMS) == 2


def test_every_reason_is_used() -> None:
    used = {snippet.reason for snippet in SNIPPETS}
    assert set(NOT_HERE.values()) <= used


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_and_module_that_a_page_names_exists(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    code = re.findall(r"`([^`\n]+)`", (ROOT / page).read_text(encoding="utf-8"))
    code += [snippet.text for snippet in SNIPPETS if snippet.page == page and snippet.language == "sh"]
    missing = [
        target or module
        for text in code
        for target, module in _COMMAND.findall(text)
        if (target and not re.search(rf"^{target}:", makefile, re.MULTILINE))
        or (module and not _is_program(module))
    ]
    assert missing == []


def _is_program(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


@pytest.mark.services
@pytest.mark.parametrize("snippet", COMMANDS, ids=_named)
async def test_a_command_works_as_typed(snippet: Snippet, dev: DevProcess, tmp_path: Path) -> None:
    program = snippet.text.split()[0]
    if program != "vod-bridge" and shutil.which(program) is None:
        pytest.skip(f"{program}: not on PATH: install it")
    settings = dict(snippet.text.removeprefix("export ").split("=", 1) for snippet in EXPORTS)
    for name in [name for name in settings if name.endswith("_FILE")]:
        (tmp_path / name).write_text("a-secret-of-mine\n")
        settings[name] = str(tmp_path / name)
    ports = {f"BRIDGE_{part}__PORT": str(free_port()) for part in ("HTTP", "ADMIN")}
    spool = {"BRIDGE_SPOOL__PATH": str(tmp_path / "spool")}
    settings |= dev.exports | ports | spool
    line = snippet.text.replace("http://127.0.0.1:8080/callbacks", dev.url)
    if "serve" in line:
        await _serves(line, settings)
        return
    code, out = await _shell(line, settings)
    assert code == 0, out
    if line.startswith("curl"):
        readme = (ROOT / snippet.page).read_text(encoding="utf-8")
        shown = next(text for language, text in _BLOCK.findall(readme) if language == "json")
        assert json.loads(out) == json.loads(shown)


@pytest.mark.services
@pytest.mark.parametrize("snippet", PROGRAMS, ids=lambda snippet: snippet.page)
async def test_a_program_reads_an_event_as_it_is_and_ctrl_c_ends_it_cleanly(
    snippet: Snippet, dev: DevProcess, tmp_path: Path
) -> None:
    address = dev.exports["BRIDGE_KAFKA__BOOTSTRAP_SERVERS"]
    assert "localhost:9092" in snippet.text
    program = tmp_path / "consumer.py"
    program.write_text(snippet.text.replace("localhost:9092", address))
    posted = await vod_bridge("send", "-", "--url", dev.url, stdin=FINISHED)
    assert (posted.code, "1 published" in posted.out) == (0, True), posted.err
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", str(program)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    watch_process(process.pid)
    try:
        assert process.stdout
        async with asyncio.timeout(TIMEOUT_S):
            assert (await process.stdout.readline()).startswith(b"f ")
            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
        assert (process.returncode, b"Traceback" in err) == (0, False), err.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _serves(line: str, settings: Mapping[str, str]) -> None:
    process = await _start(f"exec {line}", settings)
    try:
        url = f"http://127.0.0.1:{settings['BRIDGE_ADMIN__PORT']}/readyz"

        async def is_ready() -> bool:
            assert process.returncode is None
            try:
                async with session.get(url) as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        async with aiohttp.ClientSession() as session:
            await eventually(is_ready, "it is ready")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), TIMEOUT_S) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _shell(line: str, settings: Mapping[str, str]) -> tuple[int, str]:
    """Run it as typed in a terminal where the environment is activated."""
    process = await _start(line, settings)
    out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    sys.stderr.write(err.decode())  # shown where the test fails
    return process.returncode or 0, out.decode()


async def _start(line: str, settings: Mapping[str, str]) -> asyncio.subprocess.Process:
    given = environment(settings)
    given["PATH"] = f"{Path(sys.executable).parent}:{given['PATH']}"
    process = await asyncio.create_subprocess_shell(
        line, cwd=ROOT, env=given, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    watch_process(process.pid)
    return process
