"""What makes a process a worker of a supervisor."""

from msgspec import Struct

from bridge.io.http.shared_listener import SharedSockets
from bridge.workers.supervisor_link import SupervisorLink


class WorkerRole(Struct, frozen=True, kw_only=True):
    """``number`` is from 1 to ``workers``."""

    number: int
    workers: int
    shared: SharedSockets
    link: SupervisorLink
