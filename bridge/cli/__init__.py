"""The command line: one module a command; `commands` registers them.

Commands print and parse; the work is done by the bridge's own modules. Exit codes: 0 success, 1 failure,
2 wrong usage.
"""

from bridge.cli.commands import app, main

__all__ = ["app", "main"]
