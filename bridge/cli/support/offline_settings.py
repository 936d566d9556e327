"""Topics and applications for the commands that connect to nothing.

Where nothing is set, these are the defaults, without loading the settings (100 ms).
"""

import os
from collections.abc import Mapping
from pathlib import Path

from bridge.cli.support.exit import load_settings_or_exit
from bridge.core.application import Application
from bridge.core.record import Routing

_PREFIX = "BRIDGE_"
_DEFAULT_APP = "default"


def effective_routing(config: Path | None) -> Routing:
    """Return the routing of events; wrong settings end the command."""
    return load_settings_or_exit(config).routing() if _has_settings(config) else Routing()


def effective_applications(config: Path | None) -> Mapping[str, Application]:
    """Return all applications by name; wrong settings end the command."""
    if _has_settings(config):
        return load_settings_or_exit(config).applications()
    return {_DEFAULT_APP: Application(name=_DEFAULT_APP)}


def _has_settings(config: Path | None) -> bool:
    return config is not None or any(name.startswith(_PREFIX) for name in os.environ)
