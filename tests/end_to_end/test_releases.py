"""What is compared with is the code of its commit, kept in the tree: no tag and no history is needed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end import releases
from tests.end_to_end.neighbours import last_release
from tests.end_to_end.releases import Releases, keep, listed, unpack_commit, unpack_kept
from tests.rig.parts import MissingPartError

pytestmark = pytest.mark.services

MOST_BYTES = 1_000_000


def files_in(folder: Path) -> dict[str, bytes]:
    """Give every file by its path."""
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_the_kept_code_is_small_and_needs_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRIDGE_TEST_PREVIOUS", raising=False)
    monkeypatch.setenv("PATH", "")  # no git
    kept = listed().kept
    assert last_release(tmp_path).version == kept.version
    assert (tmp_path / "bridge" / "app.py").is_file()
    assert (releases.FOLDER / kept.file).stat().st_size < MOST_BYTES
    assert {one.name for one in releases.FOLDER.iterdir()} == {"releases.json", kept.file}


def test_the_kept_code_is_that_of_the_last_release() -> None:
    known = listed()
    assert known.releases[-1:] == [] or known.releases[-1].commit == known.kept.commit


def test_where_there_is_history_the_kept_code_is_that_of_its_commit(tmp_path: Path) -> None:
    kept, commit = tmp_path / "kept", tmp_path / "commit"
    unpack_kept(kept)
    try:
        unpack_commit(listed().kept.commit, commit)
    except (
        RuntimeError,
        MissingPartError,
    ):  # a clone without it, or no git: its sum was held against the list
        return
    assert files_in(kept) == files_in(commit)


@pytest.mark.parametrize("change", [lambda packed: packed[:-1], lambda packed: packed + b"x"])
def test_kept_code_that_was_changed_is_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    listing = copied(tmp_path)
    file = tmp_path / listed(listing).kept.file
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(RuntimeError, match=r"is not what releases\.json says"):
        unpack_kept(tmp_path / "unpacked", listing)


def copied(folder: Path) -> Path:
    """Copy what is kept, and give the copy's list."""
    for one in releases.FOLDER.iterdir():
        (folder / one.name).write_bytes(one.read_bytes())
    return folder / releases.LISTING.name


def test_a_release_is_noted_with_its_commit_and_its_code_replaces_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").mkdir()
    listing = copied(tmp_path / "kept")
    old = listed(listing).kept
    source = tmp_path / "source"
    (source / "bridge").mkdir(parents=True)
    (source / "bridge" / "__init__.py").write_text('__version__ = "9.1"\n')
    monkeypatch.setattr(releases, "ROOT", source)
    commit_all()

    kept = keep("HEAD", listing, released=True)

    noted: Releases = listed(listing)
    assert (noted.kept, [one.version for one in noted.releases]) == (kept, ["9.1"])
    assert noted.releases[0].commit == kept.commit != old.commit
    assert {one.name for one in listing.parent.iterdir()} == {"releases.json", kept.file}
    unpack_kept(tmp_path / "unpacked", listing)
    assert files_in(tmp_path / "unpacked") == {"bridge/__init__.py": b'__version__ = "9.1"\n'}


def commit_all() -> None:
    """Make a repository of the folder in which git works."""
    who = ("-c", "user.name=Rig", "-c", "user.email=rig@example.com")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "one")):
        releases._git(*words)  # noqa: SLF001 - the same git
