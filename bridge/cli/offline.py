"""Topics and applications for the commands that connect to nothing.

Where nothing is set, these are the defaults, and what it takes to read settings (100 ms) is saved.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from bridge.cli.ending import settings_of
from bridge.core.application import Application
from bridge.core.record import Routing

_PREFIX = "BRIDGE_"
_DEFAULT = "default"


def routing_in_force(config: Path | None) -> Routing:
    """Say which topics events go to; wrong settings end the command."""
    return settings_of(config).routing() if _anything_is_set(config) else Routing()


def applications_in_force(config: Path | None) -> Mapping[str, Application]:
    """Give all applications by name; wrong settings end the command."""
    if _anything_is_set(config):
        return settings_of(config).applications()
    return {_DEFAULT: Application(name=_DEFAULT)}


def _anything_is_set(config: Path | None) -> bool:
    return config is not None or any(name.startswith(_PREFIX) for name in os.environ)
