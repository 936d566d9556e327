"""The image as `deploy/Dockerfile` makes it, on a base of Debian's packages: no registry of images is asked.

What is made is kept between runs: the base as long as its list of packages, the image's layers by buildah.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

from msgspec import Struct

from tests.kube.binaries import run
from tests.kube.checks import Checks
from tests.rig.parts import cache_folder

BASE = "localhost/base:kube"
IMAGE = "localhost/vod-event-bridge:kube"
PAUSE = "localhost/pause:kube"
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,ca-certificates"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
MOST_OVER_BASE = 200_000_000
BUILDS_WITHIN_S = 900.0


class Built(Struct, frozen=True, kw_only=True):
    """The archives that a node is given, and bytes over the base's."""

    archives: list[Path]
    over_base: int


def build_image(folder: Path, checks: Checks) -> Built:
    """Build it, put archives into ``folder``, and hold the size against its bar."""
    _build_base(checks)
    checks.report("building the image from deploy/Dockerfile")
    arguments = ["--pull-never", "--layers", "--isolation", "chroot", "--build-arg", f"BASE={BASE}"]
    # As docker builds it: the health check is no part of the other format.
    arguments += ["--format", "docker", *_index(folder), "-f", "deploy/Dockerfile", "-t", IMAGE, "."]
    said = _buildah("bud", *arguments)
    archives = [folder / "bridge.tar", folder / "pause.tar"]
    for image, archive in zip((IMAGE, PAUSE), archives, strict=True):
        _buildah("push", image, f"docker-archive:{archive}:{image}")
    over = _size(IMAGE) - _size(BASE)
    figures = f"{over / 1e6:.0f} MB over {_size(BASE) / 1e6:.0f} MB; built in {said:.0f} s"
    checks.note("the image is under 200 MB over its base", over < MOST_OVER_BASE, figures)
    return Built(archives=archives, over_base=over)


def _build_base(checks: Checks) -> None:
    """Make the base, and of it what holds a pod's network: it only has to wait."""
    mark = hashlib.blake2b(f"{SUITE} {PACKAGES}".encode(), digest_size=4).hexdigest()
    archive = cache_folder() / f"base-{mark}.tar"
    if not archive.exists():
        checks.report("making the base image of Debian's packages")
        fresh = archive.with_suffix(f".{os.getpid()}")
        run(
            ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "--format=tar", SUITE, str(fresh)],
            within_s=BUILDS_WITHIN_S,
        )
        fresh.replace(archive)
    if _known(BASE) != mark:
        for name, entry in ((BASE, []), (PAUSE, ["--entrypoint", '["/bin/sleep","infinity"]'])):
            container = _output("from", "scratch")
            _buildah("add", container, str(archive), "/")
            _buildah("config", "--label", f"base={mark}", *entry, container)
            _buildah("commit", "--rm", container, name)


def _known(image: str) -> str:
    """Give the mark of the base that is there."""
    said = run(_command("inspect", "--type", "image", image), must=False)
    labels = json.loads(said.out)["OCIv1"]["config"].get("Labels", {}) if said.good else {}
    return str(labels.get("base", ""))


def _index(folder: Path) -> list[str]:
    """Give pip inside the build what pip has here, by mounts: nothing of it stays in the image."""
    said = run([sys.executable, "-m", "pip", "config", "list"])
    found: dict[str, str] = {}
    for line in sorted(said.out.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = value.strip("'\"")
    folders = [
        found[name] for name in ("cert", "client-cert", "find-links") if found.get(name, "").startswith("/")
    ]
    config = folder / "pip.conf"
    config.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in found.items()))
    mounts = [f"{config}:/etc/pip.conf:ro", *(f"{path}:{path}:ro" for path in folders)]
    return [argument for mount in mounts for argument in ("--volume", mount)]


def _size(image: str) -> int:
    """Add up an image's layers, as they lie on a disk."""
    manifest = json.loads(json.loads(_output("inspect", "--type", "image", image))["Manifest"])
    return sum(layer["size"] for layer in manifest["layers"])


def _command(*arguments: str) -> list[str]:
    folders = {"root": cache_folder() / "buildah", "runroot": cache_folder() / "buildah-run"}
    return ["buildah", *(f"--{name}={path}" for name, path in folders.items()), *arguments]


def _buildah(*arguments: str) -> float:
    return run(_command(*arguments), within_s=BUILDS_WITHIN_S).seconds


def _output(*arguments: str) -> str:
    return run(_command(*arguments), within_s=BUILDS_WITHIN_S).out.strip()
