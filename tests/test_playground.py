"""The commands of docs/howto/playground.md run as they are typed, in order, beside one ``dev --vendor``.

Addresses are replaced by those of the instance; nothing else is.
"""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.cli.cli_process import TIMEOUT_S, environment
from tests.cli.dev_process import DevProcess, dev_process
from tests.rig.parts import ROOT
from tests.rig.reaper import watch_process

pytest.importorskip("confluent_kafka")

PAGE = (ROOT / "docs" / "howto" / "playground.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]
DEV = "vod-bridge dev "  # what the others run beside


def test_the_page_begins_with_dev_and_shows_every_command_of_the_playground() -> None:
    assert COMMANDS[0].startswith(DEV)
    words = {" ".join(line.split()[:2]) for line in COMMANDS}
    assert {"vod-bridge send", "vod-bridge record", "vod-bridge fire", "vod-bridge tail"} <= words


@pytest.mark.long
@pytest.mark.services
async def test_every_command_of_the_page_works_as_typed(tmp_path: Path) -> None:
    async with dev_process("--vendor") as dev:
        output = [await _run(line, dev, tmp_path) for line in COMMANDS if not line.startswith(DEV)]
    assert all(code == 0 for _, code, _ in output), output
    shown = {line: text for line, _, text in output}
    assert "10 published" in shown["vod-bridge fire transcoded --new-ids --count 10"]
    assert shown["vod-bridge fire --list"] == "broken\ntranscoded\n"
    assert "0 missing" in shown["vod-bridge audit --app default"]
    assert list((tmp_path / ".vod-bridge" / "fixtures").iterdir())


async def _run(line: str, dev: DevProcess, folder: Path) -> tuple[str, int, str]:
    (console,) = set(re.findall(r"^Console: (\S+)/$", dev.before_hints, re.MULTILINE))
    typed = line.replace("http://127.0.0.1:7070", dev.exports["BRIDGE_APPS__PULLED__ENDPOINT"])
    typed = typed.replace("http://localhost:9090", console)
    env = environment(dev.exports)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    process = await asyncio.create_subprocess_shell(
        typed, cwd=folder, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    watch_process(process.pid)
    out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    sys.stderr.write(err.decode())  # shown where the test fails
    return line, process.returncode or 0, out.decode()
