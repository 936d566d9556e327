"""The jars of Apache Kafka, fetched once by Maven into the cache."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.rig.parts import MissingPartError, cache_folder, locked

VERSION = "4.1.1"
MAVEN_WITHIN_S = 600.0

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>rig</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""
_MAVEN_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"


def java_command() -> tuple[str, str]:
    """Give java and the class path of Kafka, resolving the jars once; `Missing` where that cannot be."""
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None:
        raise MissingPartError("kafka", "no java (17 or later) on PATH: BRIDGE_TEST_KAFKA may name a Kafka")
    mark = hashlib.blake2b(_POM.encode(), digest_size=4).hexdigest()
    folder = cache_folder() / f"kafka-{VERSION}-{mark}"
    listing = folder / "classpath.txt"
    with locked(folder.name):
        if not _complete(listing):
            if maven is None:
                raise MissingPartError("kafka", "no mvn on PATH: BRIDGE_TEST_KAFKA may name a Kafka")
            _resolve(maven, folder, listing)
    return java, listing.read_text().strip()


def _complete(listing: Path) -> bool:
    if not listing.exists():
        return False
    jars = listing.read_text().strip().split(os.pathsep)
    return all(Path(jar).exists() for jar in jars)


def _resolve(maven: str, folder: Path, listing: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pom = folder / "pom.xml"
    pom.write_text(_POM)
    fresh = folder / f"classpath.{os.getpid()}"
    command = [maven, "-q", "-B", "-f", str(pom), _MAVEN_GOAL, "-DincludeScope=runtime"]
    done = subprocess.run(  # noqa: S603 - the rig's own command
        [*command, f"-Dmdep.outputFile={fresh}"],
        capture_output=True,
        text=True,
        timeout=MAVEN_WITHIN_S,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise MissingPartError("kafka", f"no jars of Kafka: {said[0] if said else done.returncode}")
    fresh.replace(listing)
