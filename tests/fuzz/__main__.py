"""Runs the harnesses: ``python -m tests.fuzz [codec|http] [SECONDS|runs=N]``; 60 s each if nothing is said.

For a time the inputs are new ones, and what reaches new code is kept in .cache/fuzz for the next time.
``runs=N`` makes the same N inputs each time, from the corpus alone, so that a change is judged by itself and
not by luck. An input that fails is written to .cache/fuzz; once mended it belongs into the corpus. Ends with
1 then.
"""

import logging
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import structlog

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).parent / "corpus"
FOUND = ROOT / ".cache" / "fuzz"
HARNESSES = ("codec", "http")
RUNS = "runs="


def main(words: list[str]) -> int:
    """Run one harness in this process, or all in processes of their own."""
    limits = [word for word in words if word.isdecimal() or word.startswith(RUNS)]
    named = [word for word in words if word in HARNESSES]
    limit = limits[0] if limits else "60"
    if len(named) == 1:
        return run(named[0], limit)
    same = {"PYTHONHASHSEED": "0"} if limit.startswith(RUNS) else {}
    codes = [
        subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-m", "tests.fuzz", name, limit], cwd=ROOT, env=os.environ | same, check=False
        ).returncode
        for name in HARNESSES
    ]
    return int(any(codes))


def run(name: str, limit: str) -> int:
    """Fuzz; does not come back, libFuzzer ends the process."""
    import atheris  # noqa: PLC0415 - an extra

    with atheris.instrument_imports(include=["bridge"]):
        harness = import_module(f"tests.fuzz.{name}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    FOUND.mkdir(parents=True, exist_ok=True)
    options = ["-max_len=8192", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1"]
    options += [f"-artifact_prefix={FOUND}/{name}-", f"-dict={CORPUS / name}.dict"]
    if limit.startswith(RUNS):
        grown = Path(tempfile.mkdtemp(prefix="fuzz-"))
        options += [f"-{limit}", "-seed=1"]
    else:
        grown = FOUND / name
        grown.mkdir(exist_ok=True)
        options += [f"-max_total_time={limit}"]
    atheris.Setup([sys.argv[0], str(grown), str(CORPUS / name), *options], harness.check)
    atheris.Fuzz()
    return 0


sys.exit(main(sys.argv[1:]))
