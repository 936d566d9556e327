"""Why a port cannot be listened on, and which setting to mend."""

import errno
import os
import socket
from collections.abc import Awaitable, Callable

from bridge.reasons.trouble import Trouble

_PRIVILEGED_BELOW = 1024


class ListenError(OSError):
    """An address cannot be listened on; ``trouble`` says why and what to do."""

    def __init__(self, error: OSError, trouble: Trouble) -> None:
        super().__init__(error.errno, error.strerror)
        self.trouble = trouble

    def __str__(self) -> str:
        return str(self.trouble)


async def listening(start: Callable[[str, int], Awaitable[int]], section: str, host: str, port: int) -> int:
    """Give the port that ``start`` listens on; where it raises OSError, raise `ListenError`.

    ``section`` is the settings' section that names the address: HTTP or ADMIN.
    """
    try:
        return await start(host, port)
    except OSError as error:
        raise ListenError(error, _trouble(error, f"BRIDGE_{section}__", host, port)) from error


def _trouble(error: OSError, section: str, host: str, port: int) -> Trouble:
    named = isinstance(error, socket.gaierror) or error.errno is None
    why = (error.strerror or str(error)) if named else os.strerror(error.errno or 0).lower()
    what = f"cannot listen on {host or '*'}:{port}: {why}"
    if error.errno == errno.EADDRINUSE:
        todo = f"end what listens there, or set {section}PORT to a free port"
    elif error.errno == errno.EACCES and port < _PRIVILEGED_BELOW:
        todo = f"set {section}PORT to {_PRIVILEGED_BELOW} or above, or give the process CAP_NET_BIND_SERVICE"
    else:
        todo = f"set {section}HOST to an address of this machine"
    return Trouble(what=what, todo=todo)
