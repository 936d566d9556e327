"""Explains why a port cannot be listened on, and which setting to change."""

import errno
import os
import socket
from collections.abc import Awaitable, Callable

from bridge.diagnostics.problem import Problem

_PRIVILEGED_BELOW = 1024


class ListenError(OSError):
    """An address cannot be listened on; ``problem`` has the reason and the remedy."""

    def __init__(self, error: OSError, problem: Problem) -> None:
        super().__init__(error.errno, error.strerror)
        self.problem = problem

    def __str__(self) -> str:
        return str(self.problem)


async def start_listening(
    start: Callable[[str, int], Awaitable[int]], section: str, host: str, port: int
) -> int:
    """Return the port that ``start`` listens on; raises `ListenError` where it raises OSError.

    ``section`` is the section of the settings with the address: HTTP or ADMIN.
    """
    try:
        return await start(host, port)
    except OSError as error:
        raise ListenError(error, _problem(error, f"BRIDGE_{section}__", host, port)) from error


def _problem(error: OSError, section: str, host: str, port: int) -> Problem:
    is_name_error = isinstance(error, socket.gaierror) or error.errno is None
    reason = (error.strerror or str(error)) if is_name_error else os.strerror(error.errno or 0).lower()
    message = f"cannot listen on {host or '*'}:{port}: {reason}"
    if error.errno == errno.EADDRINUSE:
        remedy = f"end what listens there, or set {section}PORT to a free port"
    elif error.errno == errno.EACCES and port < _PRIVILEGED_BELOW:
        remedy = (
            f"set {section}PORT to {_PRIVILEGED_BELOW} or above, or give the process CAP_NET_BIND_SERVICE"
        )
    else:
        remedy = f"set {section}HOST to an address of this machine"
    return Problem(message=message, remedy=remedy)
