"""Makes the shown programs ready to run: what each needs is fetched once, where downloads are kept."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.rig.parts import ROOT, MissingPartError, cache_folder
from tests.schemas.npm import installed

SHOWN = ROOT / "schemas" / "interop"
MADE_WITHIN_S = 600.0
_CLASS_PATH = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"


def java() -> Sequence[str]:
    """Compile the Java consumer, and give the command that runs it."""
    found = {name: shutil.which(name) for name in ("java", "javac", "mvn")}
    if absent := [name for name, path in found.items() if path is None]:
        raise MissingPartError("java", f"{', '.join(absent)} not on PATH (a JDK of 17 or later, and Maven)")
    pom, source = SHOWN / "java" / "pom.xml", SHOWN / "java" / "src" / "main" / "java" / "Consumer.java"
    place = cache_folder() / f"interop-java-{hashlib.blake2b(pom.read_bytes(), digest_size=6).hexdigest()}"
    jars = class_path(pom, place)
    _made("javac", "--release", "17", "-Xlint:all", "-Werror", "-cp", jars, "-d", str(place), str(source))
    return ["java", "-Dfile.encoding=UTF-8", "-cp", f"{place}{os.pathsep}{jars}", "Consumer"]


def class_path(pom: Path, place: Path) -> str:
    """Return the class path of what a pom names, fetched once; ``place`` remembers it."""
    place.mkdir(parents=True, exist_ok=True)
    listing = place / "classpath.txt"
    if not listing.exists():
        fetched = place / f"classpath.{os.getpid()}"
        _made("mvn", "-q", "-B", "-f", str(pom), _CLASS_PATH, f"-Dmdep.outputFile={fetched}")
        fetched.replace(listing)
    return listing.read_text(encoding="utf-8").strip()


def node() -> Sequence[str]:
    """Install what the Node consumer needs, and give the command that runs it."""
    place: Path = installed(SHOWN / "node")
    return ["node", str(place / "consumer.mjs")]


CONSUMERS: Mapping[str, Callable[[], Sequence[str]]] = {"Java": java, "Node": node}


def _made(*command: str) -> None:
    done = subprocess.run(  # noqa: S603 - the rig's own command
        command, capture_output=True, text=True, timeout=MADE_WITHIN_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stdout + done.stderr)[-2000:]}")
