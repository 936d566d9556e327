"""The ports of ``vod-bridge dev``: the defaults where they are free, else always the same alternatives."""

import socket

_STEP = 10_000
_MAX_CANDIDATES = 4  # 9092, 19092, 29092, 39092; then any
_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class PortInUseError(Exception):
    """A port that an option names is in use; the text gives the remedy."""

    def __init__(self, option: str, port: int) -> None:
        super().__init__(
            f"port {port} is in use: end what listens there, or `vod-bridge dev {option} 0` takes a free one"
        )


class PortAllocator:
    """Allocates ports of this machine, none twice, and notes which are not the defaults."""

    def __init__(self) -> None:
        self._allocated: set[int] = set()
        self.notices: list[str] = []

    def allocate(self, service: str, option: str, requested: int | None, default: int) -> int:
        """Choose a port for ``service``: the one ``requested`` by ``option``, the default or another.

        0 is any free one. Raises `PortInUseError` where the requested one is in use.
        """
        if requested is not None:
            if requested and not self._is_available(requested):
                raise PortInUseError(option, requested)
            self._allocated.add(requested)
            return requested
        for port in range(default, default + _MAX_CANDIDATES * _STEP, _STEP):
            if self._is_available(port):
                self._allocated.add(port)
                if port != default:
                    self.notices.append(f"port {default} is in use: {service} takes port {port} instead")
                return port
        self.notices.append(f"port {default} is in use, and others like it: {service} takes any free one")
        return 0

    def _is_available(self, port: int) -> bool:
        return port not in self._allocated and is_free(port)


def is_free(port: int) -> bool:
    """Whether ``port`` of loopback is free, by IPv4 and, where there is any, IPv6.

    Both, because ``localhost`` may be either.
    """
    for family, host in _LOOPBACK:
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except OSError:
            if family == socket.AF_INET or _is_listening(family, host, port):
                return False
    return True


def _is_listening(family: int, host: str, port: int) -> bool:
    """Whether the port is in use; a machine without IPv6 cannot bind either."""
    try:
        with socket.socket(family) as client:
            return client.connect_ex((host, port)) == 0
    except OSError:
        return False
