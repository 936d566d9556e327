"""The programs of the consumer handbook are right for a type checker, and the one without a broker runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.parts import ROOT

PAGES = sorted((ROOT / "docs" / "consume").glob("*.md"))
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _programs() -> dict[str, str]:
    found = {}
    for page in PAGES:
        for number, text in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8"))):
            found[f"{page.stem.replace('-', '_')}_{number}.py"] = text
    return found


def _run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603


@pytest.fixture
def programs(tmp_path: Path) -> list[Path]:
    """Write each program into a file."""
    files = []
    for name, text in _programs().items():
        files.append(tmp_path / name)
        files[-1].write_text(text, encoding="utf-8")
    return files


def test_mypy_finds_no_mistake_in_them(programs: list[Path]) -> None:
    assert len({program.stem[:-2] for program in programs}) >= 6  # of the pages that are about Python
    options = ["--config-file", "/dev/null", "--ignore-missing-imports", "--no-error-summary"]
    done = _run("-m", "mypy", *options, *programs)
    assert done.returncode == 0, done.stdout


def test_that_of_the_tests_runs_as_it_stands(programs: list[Path]) -> None:
    (program,) = [file for file in programs if file.stem.startswith("testing")]
    done = _run(program)
    assert (done.returncode, done.stderr) == (0, "")
