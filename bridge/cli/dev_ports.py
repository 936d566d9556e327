"""The ports of ``vod-bridge dev``: the usual ones where they are free, else always the same other ones."""

import socket

_STEP = 10_000
_CHOICES = 4  # 9092, 19092, 29092, 39092; then any
_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class PortInUseError(Exception):
    """Somebody listens on a port that was asked for by an option; the text says what to do."""

    def __init__(self, option: str, port: int) -> None:
        super().__init__(
            f"port {port} is in use: end what listens there, or `vod-bridge dev {option} 0` takes a free one"
        )


class Ports:
    """Gives out ports of this machine, none of them twice, and remembers which were not the usual ones."""

    def __init__(self) -> None:
        self._given: set[int] = set()
        self.moved: list[str] = []

    def take(self, what: str, option: str, asked: int | None, usual: int) -> int:
        """Choose a port for ``what``: the one ``asked`` for by ``option``, else the usual one or another.

        0 is any free one. Raises `PortInUseError` where the one asked for is in use.
        """
        if asked is not None:
            if asked and not self._may_have(asked):
                raise PortInUseError(option, asked)
            self._given.add(asked)
            return asked
        for port in range(usual, usual + _CHOICES * _STEP, _STEP):
            if self._may_have(port):
                self._given.add(port)
                if port != usual:
                    self.moved.append(f"port {usual} is in use: {what} takes port {port} instead")
                return port
        self.moved.append(f"port {usual} is in use, and others like it: {what} takes any free one")
        return 0

    def _may_have(self, port: int) -> bool:
        return port not in self._given and is_free(port)


def is_free(port: int) -> bool:
    """Tell whether nobody listens on ``port`` of loopback, by IPv4 and, where there is any, IPv6.

    Both, because ``localhost`` may be either.
    """
    for family, host in _LOOPBACK:
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError:
            if family == socket.AF_INET or _listens(family, host, port):
                return False
    return True


def _listens(family: int, host: str, port: int) -> bool:
    """Tell a port in use from a machine without IPv6, where nothing can be bound either."""
    try:
        with socket.socket(family) as line:
            return line.connect_ex((host, port)) == 0
    except OSError:
        return False
