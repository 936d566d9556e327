"""What is built has the same bytes everywhere. `make dist ARGS=--twice` builds; here is what makes it so."""

import io
import tarfile
from pathlib import Path

import pytest

from tests.release.dist import PROJECTS, compared, epoch, normalized
from tests.rig.parts import ROOT

AT = 1_700_000_000


def sdist(names: list[str], *, time: int, owner: str, mode: int) -> bytes:
    """Make an archive as setuptools does: with the times, owners and modes of a machine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uname, member.uid, member.mode = 3, time, owner, time % 7, mode
            archive.addfile(member, io.BytesIO(b"abc"))
    return packed.getvalue()


def test_an_sdist_does_not_depend_on_times_owners_modes_and_order() -> None:
    one = sdist(["a/b", "a/c"], time=5, owner="root", mode=0o644)
    other = sdist(["a/c", "a/b"], time=99, owner="someone", mode=0o600)
    assert one != other
    assert normalized(one, AT) == normalized(other, AT)


def test_an_sdist_keeps_names_content_and_what_can_be_run() -> None:
    made = normalized(sdist(["a/run"], time=5, owner="root", mode=0o700), AT)
    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        (member,) = archive.getmembers()
        file = archive.extractfile(member)
        assert file is not None
        assert (member.name, member.mode, member.mtime, file.read()) == ("a/run", 0o755, AT, b"abc")


def test_an_sdist_with_other_content_is_another() -> None:
    one, other = (sdist([name], time=5, owner="root", mode=0o644) for name in ("a", "b"))
    assert normalized(one, AT) != normalized(other, AT)


def test_two_builds_that_differ_are_named_by_file(tmp_path: Path) -> None:
    builds = []
    for folder, content in (("one", b"1"), ("other", b"2")):
        (tmp_path / folder).mkdir()
        same, differs, alone = (tmp_path / folder / name for name in ("same.whl", "x.whl", f"{folder}.whl"))
        same.write_bytes(b"same")
        differs.write_bytes(content)
        alone.write_bytes(b"")
        builds.append([same, differs, alone])
    assert compared(builds[0], builds[0]) == []
    found = ["one.whl: built once only", "other.whl: built once only", "x.whl: differs"]
    assert compared(*builds) == found


def test_the_time_in_every_file_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(AT))
    assert epoch() == AT


def test_every_folder_with_a_distribution_is_built() -> None:
    found = {file.parent for file in (ROOT / "pyproject.toml", *(ROOT / "deploy").glob("*/pyproject.toml"))}
    assert {ROOT / project for project in PROJECTS} == found
