"""Writes build/sbom.cdx.json: the components of the image, by CycloneDX.

    python -m tests.release.sbom    after `python -m tests.release.dist`

It lists an environment like the image's: what the locks install, hashes checked, and the wheel of dist/.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.release import TOOLS_PYTHON
from tests.release.dist import DIST, epoch
from tests.release.locks import EXTRAS, LOCKS
from tests.rig.parts import ROOT

OUTPUT = ROOT / "build" / "sbom.cdx.json"


def main() -> int:
    """Write the list; 1 where there is no wheel to list."""
    wheels = sorted(DIST.glob("vod_event_bridge-*.whl"))
    if len(wheels) != 1:
        sys.stderr.write("dist/ holds no wheel of the bridge: run make dist first\n")
        return 1
    OUTPUT.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vod-event-bridge-sbom-") as scratch:
        venv.create(scratch, with_pip=False)
        python = str(Path(scratch) / "bin" / "python")
        locks = [word for name in ("core", *EXTRAS) for word in ("-r", str(LOCKS / f"{name}.lock"))]
        _run("pip", "--python", python, "install", "--quiet", "--require-hashes", *locks)
        _run("pip", "--python", python, "install", "--quiet", "--no-deps", str(wheels[0]))
        words = [
            "--pyproject",
            str(ROOT / "pyproject.toml"),
            "--output-reproducible",
            "--output-format",
            "JSON",
        ]
        _run("cyclonedx_py", "environment", *words, "--output-file", str(OUTPUT), python)
    sys.stdout.write(f"{OUTPUT.relative_to(ROOT)}: {OUTPUT.stat().st_size} bytes\n")
    return 0


def _run(module: str, *words: str) -> None:
    variables = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch())}
    subprocess.run([TOOLS_PYTHON, "-m", module, *words], check=True, env=variables)  # noqa: S603 - our own words


if __name__ == "__main__":
    sys.exit(main())
