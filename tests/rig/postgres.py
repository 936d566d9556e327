"""A real Postgres for tests: the server of this machine, with an empty database in a folder of its own."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from tests.rig.parts import MissingPartError, free_port
from tests.rig.reaper import temporary_folder, watch_process
from tests.rig.waiting import eventually_blocking

_DEBIAN = Path("/usr/lib/postgresql")


def _program(name: str) -> str:
    found = [shutil.which(name), *sorted(map(str, _DEBIAN.glob(f"*/bin/{name}")), reverse=True)]
    path = next((one for one in found if one), None)
    if path is None:
        raise MissingPartError(
            "postgres", "no postgres here: apt-get install postgresql, or as your system has it"
        )
    return path


class RealPostgres:
    """One server on a free port of loopback; ``dsn`` is for asyncpg and psycopg alike."""

    def __init__(self) -> None:
        self.port = free_port()
        self.dsn = f"postgresql://tester@127.0.0.1:{self.port}/postgres"
        self._child: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    def start(self) -> None:
        """Make a database, and wait until it takes connections (blocking)."""
        initdb, postgres = _program("initdb"), _program("postgres")
        self._folder = temporary_folder("postgres")
        # It refuses to run as root.
        user = "nobody" if os.geteuid() == 0 else None
        if user:
            os.chown(self._folder, pwd.getpwnam(user).pw_uid, -1)
        data, log = self._folder / "data", self._folder / "log"
        subprocess.run(  # noqa: S603 - the rig's own command
            [
                initdb,
                "--pgdata",
                data,
                "--username",
                "tester",
                "--auth",
                "trust",
                "--no-sync",
                "--no-instructions",
            ],
            user=user,
            check=True,
            capture_output=True,
            timeout=120,
        )
        with log.open("wb") as sink:
            self._child = subprocess.Popen(  # noqa: S603 - the rig's own command
                [postgres, "-D", data, "-p", str(self.port), "-h", "127.0.0.1", "-k", self._folder, "-F"],
                user=user,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        watch_process(self._child.pid)
        eventually_blocking(
            lambda: "ready to accept connections" in log.read_text(encoding="utf-8"), "Postgres is ready"
        )

    def remove(self) -> None:
        """Kill it, and delete its folder."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
