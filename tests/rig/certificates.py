"""Certificates for tests, by the openssl that every machine has: an authority and what it signs.

Files are replaced in one step, as a mounted secret's are.
"""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tests.rig.parts import MissingPartError
from tests.rig.reaper import temporary_folder

_WITHIN_S = 120.0
_HERE = ("IP:127.0.0.1", "DNS:localhost")
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Pair(Struct, frozen=True, kw_only=True):
    """A certificate and its key, in PEM files; ``both`` holds the two, as a broker wants them."""

    cert: Path
    key: Path
    both: Path

    def become(self, other: "Pair") -> None:
        """Be what ``other`` is, file by file."""
        for mine, theirs in ((self.key, other.key), (self.cert, other.cert), (self.both, other.both)):
            replace(mine, theirs)


class Authority:
    """Signs certificates; ``ca`` is the file that whoever trusts it needs."""

    def __init__(self, name: str = "rig") -> None:
        self._folder = temporary_folder("rig-ca-")
        self._key = self._folder / "ca.key"
        self.ca = self._folder / "ca.pem"
        subject = ("-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")
        _openssl("req", "-x509", *_CURVE, "-keyout", self._key, "-out", self.ca, *subject, "-days", "2")

    def sign(self, name: str, names: Sequence[str] = _HERE, days: int = 2) -> Pair:
        """Make a certificate for these names; with ``days`` below 0 it is out of date."""
        pair = Pair(
            cert=self._folder / f"{name}.pem",
            key=self._folder / f"{name}.key",
            both=self._folder / f"{name}-both.pem",
        )
        request, extra = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extra.write_text(f"subjectAltName={','.join(names)}\n")
        _openssl("req", "-new", *_CURVE, "-keyout", pair.key, "-out", request, "-subj", f"/CN={name}")
        by = ("-CA", self.ca, "-CAkey", self._key, "-CAcreateserial", "-days", str(days), "-extfile", extra)
        _openssl("x509", "-req", "-in", request, "-out", pair.cert, *by)
        pair.both.write_text(pair.key.read_text() + pair.cert.read_text())
        return pair

    def remove(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


def lock(key: Path, locked: Path, password: str) -> None:
    """Write ``key`` so that it wants a password."""
    _openssl("pkey", "-in", key, "-aes256", "-passout", f"pass:{password}", "-out", locked)


class Mount:
    """A folder of files that change all at once, by the swap of one link, as Kubernetes mounts a secret."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._versions = 0

    def put(self, files: Mapping[str, Path | str]) -> None:
        """Let these be its files; a path is copied, a text written."""
        self._versions += 1
        version = self.folder / f"..{self._versions}"
        version.mkdir()
        for name, what in files.items():
            (version / name).write_text(what.read_text() if isinstance(what, Path) else what)
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(Path("..data") / name)
        fresh = self.folder / "..fresh"
        fresh.symlink_to(version.name)
        fresh.replace(self.folder / "..data")

    def path(self, name: str) -> Path:
        """Give where a file is, whatever it holds."""
        return self.folder / name


def replace(old: Path, new: Path) -> None:
    """Put a copy of ``new`` where ``old`` is, in one step."""
    fresh = old.with_name(f"{old.name}.fresh")
    shutil.copyfile(new, fresh)
    fresh.replace(old)


def _openssl(*words: object) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise MissingPartError("openssl", "no openssl on PATH: install it")
    command = [program, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN_S, check=False)  # noqa: S603 - the rig's own command
    if done.returncode:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr[-500:]}")
