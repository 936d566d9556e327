"""Builds the distributions from the commit that is checked out, so that everybody gets the same bytes.

    python -m tests.release.dist            sdist and wheels into dist/, with their sha256
    python -m tests.release.dist --twice    again in another folder, time zone, umask; 1 where a byte differs

Every time in a file is the commit's (SOURCE_DATE_EPOCH, where it is set, goes first). Changes that are not
committed are not in it. Each wheel is built from its sdist, which so holds all that is needed.
"""

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.rig.parts import ROOT

DIST = ROOT / "dist"


# The folders of the distributions; the second takes its modules from the first.
PROJECTS = (".", "deploy/event-consumer")


MODES = 0o022  # the umask of what the build writes itself: its modes stand in a wheel


def epoch() -> int:
    """Return the time that stands in every file: SOURCE_DATE_EPOCH, or that of the commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or _git("log", "-1", "--format=%ct"))


def build_all(output: Path, *, time_zone: str = "UTC") -> list[Path]:
    """Build each project of the commit into ``output``, and return the files by name.

    The time zone is not to be seen in them, nor is the umask of this process.
    """
    output.mkdir(parents=True, exist_ok=True)
    at = epoch()
    with tempfile.TemporaryDirectory(prefix="vod-event-bridge-dist-") as scratch:
        tree = Path(scratch) / "tree"
        with tarfile.open(fileobj=io.BytesIO(_git("archive", "HEAD"))) as archive:
            archive.extractall(tree, filter="data")
        for project in PROJECTS:
            _build(tree / project, output, at, time_zone)
    return sorted(one for one in output.iterdir() if one.suffix in {".gz", ".whl"})


def normalized(sdist: bytes, at: int) -> bytes:
    """Return an sdist whose bytes depend on its files alone, not on times, owners and modes of here."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(sdist)) as source,
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=at) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for found in sorted(source.getmembers(), key=lambda one: one.name):
            member = tarfile.TarInfo(found.name)
            member.type, member.size, member.mtime = found.type, found.size, at
            member.mode = 0o755 if found.isdir() or found.mode & 0o100 else 0o644
            target.addfile(member, source.extractfile(found) if found.isfile() else None)
    return packed.getvalue()


def compared(one: list[Path], other: list[Path]) -> list[str]:
    """Return what differs between two builds: a line for each file."""
    first, second = ({path.name: path.read_bytes() for path in paths} for paths in (one, other))
    return [
        f"{name}: {'differs' if name in first and name in second else 'built once only'}"
        for name in sorted(first.keys() | second.keys())
        if first.get(name) != second.get(name)
    ]


def _build(folder: Path, output: Path, at: int, time_zone: str) -> None:
    made = folder.parent / f"{folder.name}-made"
    _run_build("--sdist", folder, made, at, time_zone)
    (sdist,) = made.glob("*.tar.gz")
    sdist.write_bytes(normalized(sdist.read_bytes(), at))
    shutil.copy(sdist, output)
    with tarfile.open(sdist) as archive:
        archive.extractall(made, filter="data")
    _run_build("--wheel", made / sdist.name.removesuffix(".tar.gz"), output, at, time_zone)


def _run_build(kind: str, folder: Path, output: Path, at: int, time_zone: str) -> None:
    """Run the build without an environment of its own: what builds is what constraints.txt names."""
    command = [sys.executable, "-m", "build", "--no-isolation", kind, "--outdir", str(output), str(folder)]
    variables = {**os.environ, "SOURCE_DATE_EPOCH": str(at), "TZ": time_zone}
    done = subprocess.run(  # noqa: S603 - our own words
        command, cwd=folder, env=variables, umask=MODES, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{folder.name}: the build failed:\n{done.stdout}{done.stderr}")


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=True).stdout  # noqa: S603, S607 - the user's git


def main() -> int:
    """Build into an empty dist/; with ``--twice`` build again and compare."""
    if _git("status", "--porcelain", "--untracked-files=no"):
        sys.stderr.write("not committed, so not in what is built: see git status\n")
    shutil.rmtree(DIST, ignore_errors=True)
    built = build_all(DIST)
    for path in built:
        sys.stdout.write(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  dist/{path.name}\n")
    if "--twice" not in sys.argv[1:]:
        return 0
    with tempfile.TemporaryDirectory(prefix="another-folder-") as scratch:
        os.umask(0o077)
        again = build_all(Path(scratch), time_zone="Asia/Kathmandu")
        differing = compared(built, again)
    sys.stderr.writelines(f"not reproducible: {line}\n" for line in differing)
    if not differing:
        sys.stdout.write("built twice, in two folders, time zones and umasks: identical\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
