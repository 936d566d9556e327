"""Programs for Node: what they need is installed once, by their lock file, where downloads are kept."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.rig.parts import MissingPartError, cache_folder, locked

INSTALLED_WITHIN_S = 300.0
_FILES = ("package.json", "package-lock.json")


def installed(folder: Path) -> Path:
    """Return a copy of a Node program's folder with its packages installed. Raises `MissingPartError`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise MissingPartError("node", "no node with npm on PATH: install Node.js")
    wanted = b"\0".join((folder / file).read_bytes() for file in _FILES)
    mark = hashlib.blake2b(wanted, digest_size=6).hexdigest()
    target_folder = cache_folder() / f"npm-{folder.name}-{mark}"
    with locked(target_folder.name):
        target_folder.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.iterdir()):
            if file.is_file():
                shutil.copyfile(file, target_folder / file.name)
        done = target_folder / "installed"
        if not done.exists():
            _install(npm, target_folder)
            done.touch()
    return target_folder


def _install(npm: str, target_folder: Path) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    ended = subprocess.run(  # noqa: S603 - the rig's own command
        command, cwd=target_folder, capture_output=True, text=True, timeout=INSTALLED_WITHIN_S, check=False
    )
    if ended.returncode:
        output = (ended.stderr + ended.stdout).strip().splitlines()
        raise MissingPartError(
            "node", f"npm could not install packages: {output[0] if output else ended.returncode}"
        )
