"""What a tool may use."""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from bridge.console.audit import AuditLog
from bridge.mcp_server.options import ServerOptions
from bridge.mcp_server.plans import Plans
from bridge.observability.masking import Mask
from bridge.settings.settings import Settings


class ToolContext(Struct, frozen=True, kw_only=True):
    """The same for every call but ``client``, its name. ``now_ms`` is the wall clock, in unix ms.

    ``settings`` shows payloads only where the option does; ``configured`` is as it was loaded. ``writing`` is
    held while one writes: two replays would take the same dead letters.
    """

    settings: Settings
    configured: Settings
    options: ServerOptions
    mask: Mask
    audit: AuditLog
    plans: Plans
    writing: asyncio.Lock
    now_ms: Callable[[], int]
    client: str = ""
