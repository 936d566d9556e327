"""Looks up every version of constraints.txt in a source of advisories, by pip-audit.

    python -m tests.release.audit               0 too where no source can be reached
    python -m tests.release.audit --required    1 where no source can be reached

The versions are those of the image, the tests and the tools. 1 where a vulnerability is known.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from tests.release import TOOLS_PYTHON
from tests.release.locks import CONSTRAINTS

# The package index's own, then the database that it comes from.
SOURCES = ("pypi", "osv")
_UNREACHABLE = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "ServiceError", "HTTPError", "ProxyError")
_WITHIN_S = 300.0


class Vulnerability(Struct, frozen=True, kw_only=True):
    """An advisory, and the versions that mend it."""

    id: str
    fix_versions: list[str] = []


class Dependency(Struct, frozen=True, kw_only=True):
    """A version, with its advisories, or why the source does not know it."""

    name: str
    version: str = ""
    vulns: list[Vulnerability] = []
    skip_reason: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """What pip-audit prints as JSON."""

    dependencies: list[Dependency]


class Ran(Struct, frozen=True, kw_only=True):
    """What pip-audit printed."""

    out: str
    err: str


class UnreachableError(Exception):
    """The source did not answer, or knows none of the versions: a mirror without advisories."""


def run_pip_audit(source: str) -> Ran:
    """Run pip-audit; nothing is installed or resolved, and nothing but names and versions is sent."""
    command = [TOOLS_PYTHON, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    command += ["--format", "json", "--vulnerability-service", source, "--requirement", str(CONSTRAINTS)]
    done = subprocess.run(  # noqa: S603 - our own words
        command, capture_output=True, text=True, check=False, timeout=_WITHIN_S, env=os.environ
    )
    return Ran(out=done.stdout, err=done.stderr)


def read(ran: Ran) -> Report:
    """Return the report; `UnreachableError` without an answer, RuntimeError where pip-audit failed."""
    if not ran.out.strip():
        last = (ran.err.strip().splitlines() or ["no output"])[-1]
        if any(word in ran.err for word in _UNREACHABLE):
            raise UnreachableError(last)
        raise RuntimeError(f"pip-audit failed: {last}")
    report = msgspec.json.decode(ran.out, type=Report)
    if all(one.skip_reason for one in report.dependencies):
        raise UnreachableError("it knows none of the versions")
    return report


def lines(report: Report) -> list[str]:
    """Return a line for each advisory."""
    return [
        f"{one.name} {one.version}: {found.id}, fixed in {', '.join(found.fix_versions) or 'no version yet'}"
        for one in report.dependencies
        for found in one.vulns
    ]


def audit(arguments: Sequence[str], query: Callable[[str], Ran], write: Callable[[str], object]) -> int:
    """Query the sources in turn until one answers; say what was found, or that none was reached."""
    unreachable = []
    for source in SOURCES:
        try:
            report = read(query(source))
        except (UnreachableError, subprocess.TimeoutExpired) as error:
            unreachable.append(f"{source}: {error}")
            continue
        skipped = [one.name for one in report.dependencies if one.skip_reason]
        if skipped:
            write(f"advisories: not looked up, {source} does not know them: {', '.join(skipped)}\n")
        found = lines(report)
        write("".join(f"advisories: {line}\n" for line in found))
        write(f"advisories: {len(report.dependencies) - len(skipped)} versions looked up in {source}, ")
        write(f"{len(found)} vulnerabilities\n")
        return 1 if found else 0
    write("advisories: LEFT OUT, no source of advisories can be reached from here\n")
    write("".join(f"  {line}\n" for line in unreachable))
    return 1 if "--required" in arguments else 0


if __name__ == "__main__":
    sys.exit(audit(sys.argv[1:], run_pip_audit, sys.stdout.write))
