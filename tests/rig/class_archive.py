"""Kafka's classes, read and checked once a machine: each later start of a broker costs half the CPU time.

See https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html, "Dynamic Archive".
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from tests.rig.parts import cache_folder, locked


def class_archive(java: str, jars: str, run_once: Callable[[str], None]) -> list[str]:
    """Give the options of a JVM that reads the archive; where there is none, ``run_once`` lets one write it.

    ``run_once`` runs the program to its end with the option it is given. A JVM that cannot use the archive
    goes on without it.
    """
    program = Path(java).resolve()
    mark = hashlib.blake2b(
        f"{program} {program.stat().st_mtime_ns} {jars}".encode(), digest_size=6
    ).hexdigest()
    archive = cache_folder() / f"kafka-classes-{mark}.jsa"
    with locked(archive.stem):
        if not archive.exists():
            fresh = archive.with_suffix(".fresh")
            fresh.unlink(missing_ok=True)
            run_once(f"-XX:ArchiveClassesAtExit={fresh}")
            if not fresh.exists():  # this JVM writes none: never asked again
                fresh.touch()
            fresh.replace(archive)
    if not archive.stat().st_size:
        return []
    return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
