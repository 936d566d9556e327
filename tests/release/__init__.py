"""What a release is made with: locks with hashes, reproducible packages, the audit, one version."""

import sys
from pathlib import Path

# Of the environment that `make lock`, `make audit` and `make sbom` make beside the program's.
TOOLS_PYTHON = str(Path(sys.prefix) / "release" / "bin" / "python")
