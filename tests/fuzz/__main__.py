"""Runs the harnesses: ``python -m tests.fuzz [codec|http|all] [seconds]``; 60 s each unless said otherwise.

An input that fails is written to .cache/fuzz; once mended it belongs into the corpus. Ends with 1 then.
"""

import logging
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import structlog

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).parent / "corpus"
FOUND = ROOT / ".cache" / "fuzz"
HARNESSES = ("codec", "http")


def main(words: list[str]) -> int:
    """Run one harness in this process, or all in processes of their own."""
    numbers = [word for word in words if word.isdecimal()]
    named = [word for word in words if word in HARNESSES]
    seconds = numbers[0] if numbers else "60"
    if len(named) == 1:
        return run(named[0], seconds)
    codes = [
        subprocess.run([sys.executable, "-m", "tests.fuzz", name, seconds], cwd=ROOT, check=False).returncode  # noqa: S603 - ourselves
        for name in HARNESSES
    ]
    return int(any(codes))


def run(name: str, seconds: str) -> int:
    """Fuzz; does not come back, libFuzzer ends the process."""
    import atheris  # noqa: PLC0415 - an extra

    with atheris.instrument_imports(include=["bridge"]):
        harness = import_module(f"tests.fuzz.{name}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    grown = FOUND / name
    grown.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=20", "-rss_limit_mb=2048"]
    options += [f"-artifact_prefix={FOUND}/{name}-", f"-dict={CORPUS / name}.dict", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(grown), str(CORPUS / name), *options], harness.check)
    atheris.Fuzz()
    return 0


sys.exit(main(sys.argv[1:]))
