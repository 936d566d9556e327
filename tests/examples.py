"""How many examples a test tries: the usual number, or the full one in CI and ``make test-long``."""

import os

FULL = os.environ.get("BRIDGE_TEST_EXAMPLES") == "full"


def examples(usual: int, *, full: int) -> int:
    """Give the one or the other, as BRIDGE_TEST_EXAMPLES says."""
    return full if FULL else usual
