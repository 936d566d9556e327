"""Which commits were released, and the code of the last: a clone without history compares with what is kept.

``python -m tests.end_to_end.releases`` notes the commit that is checked out as a release and keeps its code;
with ``--format`` it only keeps it, as that of the last commit that changed what a spool or Redis holds.
"""

import hashlib
import io
import lzma
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.rig.parts import ROOT, MissingPartError

FOLDER = Path(__file__).with_name("released")
LISTING = FOLDER / "releases.json"
_VERSION = re.compile(r'__version__ = "(.+)"')


class Released(Struct, frozen=True, kw_only=True):
    """A release and its commit (all 40 digits)."""

    version: str
    commit: str


class Kept(Struct, frozen=True, kw_only=True):
    """The code that is kept: of which commit, in which file, and that file's sha256."""

    version: str
    commit: str
    file: str
    sha256: str


class Releases(Struct, frozen=True, kw_only=True):
    """The releases, oldest first, and the code of the last one; of an earlier commit while there is none."""

    releases: list[Released]
    kept: Kept


def listed(listing: Path = LISTING) -> Releases:
    """Read what is noted."""
    return msgspec.json.decode(listing.read_bytes(), type=Releases)


def unpack_kept(folder: Path, listing: Path = LISTING) -> None:
    """Put the kept code, the package ``bridge``, into ``folder``."""
    kept = listed(listing).kept
    packed = (listing.parent / kept.file).read_bytes()
    if hashlib.sha256(packed).hexdigest() != kept.sha256:
        raise RuntimeError(f"{kept.file} is not what {listing.name} says (sha256): restore it from git")
    _unpack(lzma.decompress(packed), folder)


def unpack_commit(name: str, folder: Path) -> None:
    """Put the package as of a commit or tag into ``folder``; RuntimeError where there is no such commit."""
    _unpack(_git("archive", name, "bridge"), folder)


def version_in(folder: Path) -> str:
    """Give the version of a package that was unpacked into ``folder``."""
    found = _VERSION.search((folder / "bridge" / "__init__.py").read_text(encoding="utf-8"))
    return found[1] if found else "?"


def keep(name: str, listing: Path = LISTING, *, released: bool) -> Kept:
    """Keep the code of a commit instead of what is kept, and note the commit where it is ``released``."""
    before = listed(listing)
    commit = _git("rev-parse", f"{name}^{{commit}}").decode().strip()
    text = _git("show", f"{commit}:bridge/__init__.py").decode()
    found = _VERSION.search(text)
    version = found[1] if found else "?"
    packed = lzma.compress(_git("archive", commit, "bridge"), preset=9 | lzma.PRESET_EXTREME)
    kept = Kept(
        version=version,
        commit=commit,
        file=f"bridge-{version}-{commit[:7]}.tar.xz",
        sha256=hashlib.sha256(packed).hexdigest(),
    )
    (listing.parent / before.kept.file).unlink(missing_ok=True)
    (listing.parent / kept.file).write_bytes(packed)
    releases = [one for one in before.releases if one.version != version]
    if released:
        releases.append(Released(version=version, commit=commit))
    text = msgspec.json.format(msgspec.json.encode(Releases(releases=releases, kept=kept))).decode()
    listing.write_text(f"{text}\n", encoding="utf-8")
    return kept


def _unpack(tar: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        archive.extractall(folder, filter="data")


def _git(*words: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        raise MissingPartError("git", "no git on PATH: install it")
    done = subprocess.run([git, "-C", str(ROOT), *words], capture_output=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise RuntimeError(f"git {words[0]}: {done.stderr.decode().strip()}")
    return done.stdout


if __name__ == "__main__":
    done = keep("HEAD", released="--format" not in sys.argv[1:])
    sys.stdout.write(f"kept {done.file}\n")
