"""A release's version, in all places that name it.

python -m tests.release.version prepare 1.2.3    name it in package, chart and changelog
python -m tests.release.version check v1.2.3     1 where something does not agree with the tag
python -m tests.release.version noted            1 where releases.json does not name the last tag's commit
python -m tests.release.version notes            the changelog's section into build/release-notes.md
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.end_to_end.releases import LISTING, listed
from tests.release import locks
from tests.rig.parts import ROOT

NOTES = Path("build") / "release-notes.md"
VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
_PLACES = {
    "bridge/__init__.py": re.compile(r'(?m)^(__version__ = ")([^"]+)(")'),
    "deploy/chart/Chart.yaml": re.compile(r"(?m)^(version: )(\S+)()$"),
    "deploy/chart/Chart.yaml#appVersion": re.compile(r'(?m)^(appVersion: ")([^"]+)(")'),
}
_UNRELEASED = "## [Unreleased]\n"


def versions(root: Path = ROOT) -> dict[str, str]:
    """Return the version that each place names; ``?`` where it names none."""
    found = {}
    for place, pattern in _PLACES.items():
        match = pattern.search((root / place.partition("#")[0]).read_text(encoding="utf-8"))
        found[place] = match[2] if match else "?"
    return found


def section(version: str, root: Path = ROOT) -> str:
    """Return what the changelog says of a version, without its heading; empty without a dated section."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"(?ms)^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## \[|\Z)", text)
    return found[1].strip() if found else ""


def prepare(version: str, date: str, root: Path = ROOT) -> None:
    """Name the version everywhere, and make of what is unreleased its section; ValueError says why not."""
    if not VERSION.fullmatch(version):
        raise ValueError(f"{version} is no version such as 1.2.3 or 1.2.3rc1")
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    if section(version, root) or f"## [{version}]" in text:
        raise ValueError(f"CHANGELOG.md has a section for {version} already")
    if not re.search(rf"{re.escape(_UNRELEASED)}\s*(?!## )\S", text):
        raise ValueError("CHANGELOG.md has nothing under [Unreleased]")
    for place, pattern in _PLACES.items():
        file = root / place.partition("#")[0]
        named = pattern.sub(rf"\g<1>{version}\g<3>", file.read_text(encoding="utf-8"), count=1)
        file.write_text(named, encoding="utf-8")
    dated = text.replace(_UNRELEASED, f"{_UNRELEASED}\n## [{version}] - {date}\n", 1)
    changelog.write_text(dated, encoding="utf-8")


def disagreements(tag: str, root: Path = ROOT) -> Iterator[str]:
    """Yield what does not agree with the tag: a line each."""
    version = tag.removeprefix("v")
    if tag == version or not VERSION.fullmatch(version):
        yield f"{tag} is no tag such as v1.2.3"
    for place, named in versions(root).items():
        if named != version:
            yield f"{place} names {named}, not {version}: run make release-prepare ARGS={version}"
    if not section(version, root):
        yield f"CHANGELOG.md has no section [{version}] with a date: run make release-prepare ARGS={version}"
    if not_kept := list(unkept_schemas(root)):
        yield f"schemas/released is not what is released: {', '.join(not_kept)}: run make release-prepare"


def unkept_schemas(root: Path = ROOT) -> Iterator[str]:
    """Yield the schemas that differ from those kept for the next release, by name."""
    for file in sorted((root / "bridge" / "schemas").glob("*.v1.schema.json")):
        kept = root / "schemas" / "released" / file.name
        if not kept.is_file() or json.loads(kept.read_bytes()) != json.loads(file.read_bytes()):
            yield file.name.removesuffix(".schema.json")


def noted(tag: str, commit: str, listing: Path = LISTING) -> Iterator[str]:
    """Yield where the listing of releases does not name this tag's commit as the last."""
    last = listed(listing).releases[-1:]
    if not last or (last[0].version, last[0].commit) != (tag.removeprefix("v"), commit):
        named = f"{last[0].version} of {last[0].commit}" if last else "no release"
        yield f"releases.json names {named}, not {tag} of {commit}: run make release-note"


def _check(tag: str) -> list[str]:
    return [*disagreements(tag), *(f"deploy/locks: {line}, run make lock" for line in locks.check())]


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()  # noqa: S603 - the user's git


def main(arguments: list[str]) -> int:
    """Do what the first argument says; 1 where something is wrong, which is said."""
    match arguments:
        case ["prepare", version]:
            prepare(version, datetime.now(UTC).date().isoformat())
            wrong = []
        case ["check", tag]:
            wrong = _check(tag)
        case ["check"]:
            wrong = _check(f"v{versions()['bridge/__init__.py']}")
        case ["noted"]:
            tag = _git("describe", "--tags", "--abbrev=0", "--match", "v*")
            wrong = list(noted(tag, _git("rev-list", "-n", "1", tag)))
        case ["notes"]:
            text = section(versions()["bridge/__init__.py"])
            wrong = [] if text else ["CHANGELOG.md has no dated section for this version"]
            (ROOT / NOTES).parent.mkdir(exist_ok=True)
            (ROOT / NOTES).write_text(f"{text}\n", encoding="utf-8")
        case _:
            sys.stderr.write(__doc__ or "")
            return 2
    sys.stderr.writelines(f"release: {line}\n" for line in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
