"""The locks of the image: every version with the hashes of its files, in `deploy/locks`. They name no index.

    python -m tests.release.locks          write them, by uv
    python -m tests.release.locks --check  compare them with pyproject.toml and constraints.txt

One lock for what the program needs, one for each extra of the image, one for what builds the wheel.
A lock holds for every platform and for Python 3.11 and later; a package may stand in several, at one version.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from msgspec import Struct
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.release import TOOLS_PYTHON
from tests.rig.parts import ROOT

LOCKS = ROOT / "deploy" / "locks"
CONSTRAINTS = ROOT / "constraints.txt"
PYTHON = "3.11"
# Not needed by the program, but by compressions that its settings allow.
IMAGE_HAS_ALSO = ("cramjam",)
# The extras that the image has, and those that it can have: `--build-arg EXTRAS=`.
EXTRAS = ("otel", "tencent")
MORE_EXTRAS = ("mcp",)
_ENTRY = re.compile(
    r"([a-z0-9][a-z0-9.-]*)==(\S+)(?: ; ([^\\]+?))?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)
_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==(\S+)$", re.MULTILINE)


class Entry(Struct, frozen=True, kw_only=True):
    """A line of a lock; `applies` says whether its marker holds in this environment."""

    name: str
    version: str
    applies: bool
    hashes: int


class LockFormatError(Exception):
    """A lock holds a line that is neither a comment nor a version with hashes."""


def inputs(root: Path = ROOT) -> dict[str, list[str]]:
    """Return what each lock is made from: the requirements of pyproject.toml, by the lock's name."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    return {
        "core": [*project["project"]["dependencies"], *IMAGE_HAS_ALSO],
        **{name: extras[name] for name in (*EXTRAS, *MORE_EXTRAS)},
        "build": project["build-system"]["requires"],
    }


def write(name: str, requirements: Iterable[str]) -> None:
    """Write one lock by uv; `subprocess.CalledProcessError` where it finds no versions."""
    command = [TOOLS_PYTHON, "-m", "uv", "pip", "compile", "-", "--quiet", "--constraint", str(CONSTRAINTS)]
    command += ["--universal", "--python-version", PYTHON, "--generate-hashes", "--no-annotate", "--upgrade"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"]
    command += ["--output-file", str(LOCKS / f"{name}.lock")]
    subprocess.run(command, input="\n".join(requirements), text=True, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own words


def parse(text: str) -> list[Entry]:
    """Return what a lock holds; `LockFormatError` names the first line that is something else."""
    entries, at = [], 0
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    while at < len(text):
        found = _ENTRY.match(text, at)
        if found is None:
            raise LockFormatError(f"no version with hashes: {text[at:].splitlines()[0]!r}")
        name, version, marker, hashes = found.groups()
        applies = marker is None or Marker(marker).evaluate()
        entries.append(Entry(name=name, version=version, applies=applies, hashes=hashes.count("--hash")))
        at = found.end()
    return entries


def pins(text: str) -> dict[str, str]:
    """Return the versions of constraints.txt by their canonical names."""
    return {canonicalize_name(name): version for name, version in _PIN.findall(text)}


def differences(entries: list[Entry], requirements: Iterable[str], pinned: dict[str, str]) -> Iterator[str]:
    """Yield in which way a lock is out of step with what it is made from: one line each."""
    locked = {one.name: one for one in entries}
    for one in entries:
        if pinned.get(one.name) != one.version:
            named = pinned.get(one.name, "nothing")
            yield f"{one.name}: {one.version} is locked, constraints.txt says {named}"
    wanted = list(map(Requirement, requirements))
    for requirement in wanted:
        found = locked.get(canonicalize_name(requirement.name))
        if found and not requirement.specifier.contains(found.version, prereleases=True):
            yield f"{found.name}: {found.version} is locked, pyproject.toml asks for {requirement}"
    needed = set(closure(wanted))
    yield from (f"{name}: needed, and not locked" for name in sorted(needed - locked.keys()))
    unneeded = {one.name for one in entries if one.applies} - needed
    yield from (f"{name}: locked, and needed by nothing" for name in sorted(unneeded))


def closure(wanted: Iterable[Requirement]) -> Iterator[str]:
    """Yield the names of all that is needed here, from what is installed; what is not has no requirements."""
    pending, seen = list(wanted), set[tuple[str, frozenset[str]]]()
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        if (key := (name, frozenset(requirement.extras))) in seen:
            continue
        seen.add(key)
        yield name
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        pending += (one for one in map(Requirement, requires) if _applies(one, requirement.extras))


def _applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def check() -> list[str]:
    """Return every difference of every lock, and locks that are missing or are made from nothing."""
    made_from, pinned = inputs(), pins(CONSTRAINTS.read_text(encoding="utf-8"))
    files = {file.stem: file for file in LOCKS.glob("*.lock")}
    found = [f"{name}.lock: made from nothing" for name in sorted(files.keys() - made_from.keys())]
    for name, requirements in made_from.items():
        if name not in files:
            found.append(f"{name}.lock: missing")
            continue
        entries = parse(files[name].read_text(encoding="utf-8"))
        found += (f"{name}.lock: {line}" for line in differences(entries, requirements, pinned))
    return found


def main() -> int:
    """Write the locks, or check them: 1 where they are out of step."""
    if "--check" not in sys.argv[1:]:
        for name, requirements in inputs().items():
            write(name, requirements)
    found = check()
    if found:
        sys.stderr.write("deploy/locks is out of step; run: make lock\n  " + "\n  ".join(found) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
