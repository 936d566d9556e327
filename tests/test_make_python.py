"""Before the environment is made: what is said of a Python that is none, and what a commit needs."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.rig.parts import ROOT
from tests.rig.yaml_text import read_yaml

pytestmark = pytest.mark.services

HOOKS = read_yaml((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
STUB = """
.venv/.test:
	@mkdir -p .venv/bin
	@printf '#!/bin/sh\\necho "$$@"\\n' > .venv/bin/ruff
	@chmod +x .venv/bin/ruff
"""


def _make(python: str, path: str = "") -> str:
    done = subprocess.run(  # noqa: S603 - our own words
        ["make", f"PYTHON={python}", "python"],  # noqa: S607 - the one of this machine
        cwd=ROOT,
        env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    return done.stderr


def test_a_missing_python_is_reported_in_whole_sentences() -> None:
    first, second = _make("nopython").splitlines()[:2]
    assert first == "vod-event-bridge needs Python 3.11 or later, and there is no nopython here."
    assert second == "Install it, or name another one: make PYTHON=python3.12 ..."


def test_a_python_that_is_too_old_is_reported_with_its_version(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\ncase "$1" in --version) echo "Python 3.9.2";; *) exit 1;; esac\n')
    old.chmod(0o755)
    first, second = _make("python3.9", str(tmp_path)).splitlines()[:2]
    assert first == "vod-event-bridge needs Python 3.11 or later; python3.9 is Python 3.9.2."
    assert second == "Name another one: make PYTHON=python3.12 ..."


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook["id"]))
def test_a_commit_after_make_run_alone_first_installs_the_linter(
    hook: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "Makefile").write_text(STUB)
    done = subprocess.run(  # noqa: S603 - what pre-commit would run
        [*shlex.split(hook["entry"]), "a.py", "b c.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith("--force-exclude a.py b c.py")
