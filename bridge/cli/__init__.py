"""The command line: one module a command; `commands` ties them together.

What the commands do lives in the bridge itself; here is what they say, and the codes they end with: 0 good,
1 failed, 2 used wrongly.
"""

from bridge.cli.commands import app, main

__all__ = ["app", "main"]
