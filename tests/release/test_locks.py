"""The image's locks are in step with what they are made from, and the image takes nothing else."""

import re

import pytest

from tests.release import locks
from tests.release.locks import LOCKS, Entry, LockFormatError, differences, inputs, parse, pins
from tests.rig.parts import ROOT

HASH = "    --hash=sha256:" + "0" * 64
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def entry(name: str, version: str = "1.0", *, applies: bool = True) -> Entry:
    return Entry(name=name, version=version, applies=applies, hashes=1)


def test_the_locks_are_in_step() -> None:
    assert locks.check() == []


def test_a_lock_names_no_index_and_no_address() -> None:
    files = sorted(LOCKS.iterdir())
    assert [file.name for file in files] == sorted(f"{name}.lock" for name in inputs())
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "://" not in text
        assert all(one.hashes for one in parse(text))


@pytest.mark.parametrize(
    "line", ["--index-url https://index.example", "msgspec==1.0", "msgspec>=1 \\\n" + HASH]
)
def test_a_line_that_is_no_version_with_hashes_is_refused(line: str) -> None:
    with pytest.raises(LockFormatError, match="no version with hashes"):
        parse(f"# made by hand\n{line}\n")


def test_a_version_of_another_platform_is_read_and_does_not_apply() -> None:
    text = f"# made\nfoo==1.0 ; sys_platform == 'none' \\\n{HASH} \\\n{HASH}\nbar==2.0 \\\n{HASH}\n"
    foo = Entry(name="foo", version="1.0", applies=False, hashes=2)
    assert parse(text) == [foo, entry("bar", "2.0")]


@pytest.mark.parametrize(
    ("entries", "wanted", "found"),
    [
        ([entry("absent")], "absent", []),
        ([entry("absent", "2.0")], "absent", ["absent: 2.0 is locked, constraints.txt says 1.0"]),
        ([entry("absent")], "absent>=2", ["absent: 1.0 is locked, pyproject.toml asks for absent>=2"]),
        ([], "absent", ["absent: needed, and not locked"]),
        ([entry("absent"), entry("other")], "absent", ["other: locked, and needed by nothing"]),
        ([entry("absent"), entry("other", applies=False)], "absent", []),
    ],
)
def test_what_is_out_of_step_is_named(entries: list[Entry], wanted: str, found: list[str]) -> None:
    assert list(differences(entries, [wanted], {"absent": "1.0", "other": "1.0"})) == found


def test_what_a_dependency_needs_has_to_be_locked_too() -> None:
    entries = [one for one in parse((LOCKS / "core.lock").read_text(encoding="utf-8")) if one.name != "yarl"]
    pinned = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert list(differences(entries, inputs()["core"], pinned)) == ["yarl: needed, and not locked"]


def test_the_image_installs_only_what_has_a_locked_hash() -> None:
    installs = re.findall(r"pip(?: --python \S+)? install (.+?)(?:; \\)?\n", DOCKERFILE)
    assert installs == [
        "--require-hashes -r locks/build.lock",
        '--require-hashes "$@"',
        "--no-deps --prefix /opt/own /wheels/*.whl",  # our own
    ]
    assert "pip wheel --no-deps --no-build-isolation" in DOCKERFILE
    assert f"ARG EXTRAS={','.join(locks.EXTRAS)}\n" in DOCKERFILE
    assert f"--build-arg EXTRAS={','.join((*locks.EXTRAS, *locks.MORE_EXTRAS))} " in DOCKERFILE
    assert "!deploy/locks\n" in (ROOT / ".dockerignore").read_text(encoding="utf-8")


def test_the_images_base_is_named_by_digest_and_can_be_another() -> None:
    assert re.search(r"^ARG BASE=python:3\.13-slim@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE}", "${BASE}"]
