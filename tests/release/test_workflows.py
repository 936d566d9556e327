"""The workflows: least permissions, actions by commit, nothing that actionlint or zizmor finds."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.parts import ROOT
from tests.rig.tools import run, tool
from tests.rig.yaml_text import read_yaml

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
SIGNS = {"attestations", "id-token"}
# All that any job may write; every other reads the code, or less.
WRITES = {
    ("codeql", "analyze"): {"security-events"},
    ("scorecard", "analysis"): {"id-token", "security-events"},
    ("release", "sign-packages"): SIGNS,
    ("release", "publish-packages"): {"id-token"},
    ("release", "image"): SIGNS | {"packages"},
    ("release", "chart"): SIGNS | {"packages"},
    ("release", "announce"): {"contents"},
}
_USES = re.compile(r"^ +(?:- )?uses: (.+)$", re.MULTILINE)
_PINNED = re.compile(r"([\w.-]+/[\w.-]+)(?:/[\w./-]+)?@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)")


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every job: its workflow, its name, and what it says."""
    for file in WORKFLOWS:
        for name, job in read_yaml(file.read_text(encoding="utf-8"))["jobs"].items():
            yield file.stem, name, job


def test_the_workflows_are_those_that_are_documented() -> None:
    assert [file.stem for file in WORKFLOWS] == ["ci", "codeql", "release", "scorecard"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_gives_nothing_to_jobs_that_ask_for_nothing(file: Path) -> None:
    assert read_yaml(file.read_text(encoding="utf-8"))["permissions"] == {}


def test_a_job_writes_only_what_it_has_to_and_has_a_time_limit() -> None:
    for workflow, name, job in jobs():
        writes = {scope for scope, access in job["permissions"].items() if access == "write"}
        assert writes == WRITES.get((workflow, name), set()), (workflow, name)
        assert 0 < job["timeout-minutes"] <= 90, (workflow, name)


def test_an_action_is_one_commit_everywhere_with_its_version_beside_it() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for file in WORKFLOWS:
        for uses in _USES.findall(file.read_text(encoding="utf-8")):
            found = _PINNED.fullmatch(uses)
            assert found, f"{file.name}: {uses}"
            pins.setdefault(found[1], set()).add((found[2], found[3]))
    assert len(pins) >= 13
    assert {name: pin for name, pin in pins.items() if len(pin) > 1} == {}


def test_a_checkout_leaves_no_token_behind_and_no_workflow_has_a_secret() -> None:
    for workflow, name, job in jobs():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, (workflow, name)
    assert [file.name for file in WORKFLOWS if "secrets" in file.read_text(encoding="utf-8")] == []


def test_nothing_is_published_before_all_was_checked() -> None:
    needs = {name: set(job.get("needs", ())) for workflow, name, job in jobs() if workflow == "release"}
    assert needs["sign-packages"] == needs["image"] == {"checks", "build"}
    assert (needs["publish-packages"], needs["chart"]) == ({"sign-packages"}, {"image"})
    assert needs["announce"] == {"publish-packages", "chart"}


def test_each_distribution_is_published_by_its_own_environment_without_a_password() -> None:
    job = next(job for _, name, job in jobs() if name == "publish-packages")
    assert job["strategy"]["matrix"]["project"] == ["vod-event-bridge", "vod-event-consumer"]
    assert job["environment"]["name"] == "pypi-${{ matrix.project }}"
    assert set(job["steps"][-1]["with"]) == {"packages-dir", "print-hash"}


def test_what_the_workflows_run_of_make_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = "".join(file.read_text(encoding="utf-8") for file in WORKFLOWS)
    wanted = set(re.findall(r"run: make ([a-z-]+)", text))
    assert {"audit", "dist", "release-check", "release-notes", "sbom", "unit"} <= wanted <= targets


def test_dependabot_looks_where_something_is_named() -> None:
    updates = read_yaml((GITHUB / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    files = {"pip": "pyproject.toml", "npm": "package.json", "docker": "Dockerfile"}
    files |= {"docker-compose": "compose.yaml", "github-actions": ".github/workflows/ci.yml"}
    assert {update["package-ecosystem"] for update in updates} == set(files)
    for update in updates:
        for folder in update.get("directories", [update.get("directory")]):
            assert (ROOT / folder.lstrip("/") / files[update["package-ecosystem"]]).is_file(), update


@pytest.mark.chart
def test_actionlint_finds_nothing() -> None:
    done = run(tool("actionlint"), "-no-color", *map(str, WORKFLOWS))
    assert done.code == 0, done.output


@pytest.mark.chart
def test_zizmor_finds_nothing() -> None:
    code, found = _zizmor(GITHUB)
    assert code == 0, found


@pytest.mark.chart
@pytest.mark.parametrize(
    ("right", "wrong", "finding"),
    [
        (r"\n +with:\n +persist-credentials: false", "", "artipacked"),
        (r"checkout@[0-9a-f]{40} # v6.0.2", "checkout@v6", "unpinned-uses"),
        (r'ARGS="\$GITHUB_REF_NAME"', 'ARGS="${{ github.ref_name }}"', "template-injection"),
        (r"permissions: \{\}", "permissions: write-all", "excessive-permissions"),
    ],
)
def test_zizmor_finds_a_mistake(right: str, wrong: str, finding: str, tmp_path: Path) -> None:
    copy = tmp_path / ".github"
    shutil.copytree(GITHUB, copy)
    release = copy / "workflows" / "release.yml"
    text, changed = re.subn(right, lambda _: wrong, release.read_text(encoding="utf-8"), count=1)
    assert changed == 1
    release.write_text(text, encoding="utf-8")
    code, found = _zizmor(copy)
    assert code != 0
    assert finding in found


def _zizmor(folder: Path) -> tuple[int, str]:
    program = Path(sys.executable).with_name("zizmor")
    words = ("--offline", "--quiet", "--persona", "pedantic", "--color", "never")
    done = run(program, *words, str(folder))
    return done.code, done.output
