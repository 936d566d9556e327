"""Counts every rejected request, and logs at most one a second for each reason and application.

For a push sender a rejection is a lost event: a request with any response is not sent again. The log line has
the application's name, if there is one, and the client's address; never a token.
"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import structlog
from msgspec import Struct

from bridge.io.http.aiohttp_parser import received_head
from bridge.io.http.request import Request, RequestHead
from bridge.io.http.routing import CallbackRouter

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Network = IPv4Network | IPv6Network
_LOG_INTERVAL_S = 1.0
# Each hop adds itself at the right; nobody has more proxies of his own than this.
_HOPS_MAX = 32


class _LogState(Struct):
    """What was logged last of one reason and application, and what was left out since then."""

    logged_at_s: float
    suppressed: int = 0
    fields: dict[str, str] = {}


class RejectionLog:
    """Counts by ``count(reason, app)``, ``app`` being empty where it is not one of ours, and logs.

    ``keep(reason, app, client, detail)`` gets each of them, also those whose log line is left out.
    """

    def __init__(
        self,
        count: Callable[[str, str], None],
        router: CallbackRouter,
        trusted_proxies: Sequence[Network],
        monotonic: Callable[[], float],
        *,
        keep: Callable[[str, str, str, str], None] = lambda *_: None,
    ) -> None:
        self._count = count
        self._keep = keep
        self._router = router
        self._trusted_proxies = trusted_proxies
        self._monotonic = monotonic
        self._logged: dict[tuple[str, str], _LogState] = {}

    def record(self, reason: str, peer: str, request: Request | None, detail: str = "") -> None:
        """Count a refusal and log it, unless a line like it was logged within the last second."""
        name, known = (
            self._router.application_for_log(request.head.path) if request is not None else ("", False)
        )
        app = name if known else ""
        self._count(reason, app)
        self._log_rate_limited((reason, app), name, peer, request, detail)

    def record_unauthorized(self, peer: str, request: Request, detail: str) -> None:
        """Log a delivery that was refused for its signature: as an outcome, it is counted elsewhere."""
        name, known = self._router.application_for_log(request.head.path)
        self._log_rate_limited(("unauthorized", name if known else ""), name, peer, request, detail)

    def log_suppressed(self) -> None:
        """Log what was left out, once its second is over; to be called a few times a second."""
        now_s = self._monotonic()
        for (reason, _), state in self._logged.items():
            if state.suppressed and now_s - state.logged_at_s >= _LOG_INTERVAL_S:
                log.warning(
                    "http_request_rejected", reason=reason, **state.fields, suppressed=state.suppressed
                )
                state.logged_at_s, state.suppressed = now_s, 0

    def _log_rate_limited(
        self, key: tuple[str, str], name: str, peer: str, request: Request | None, detail: str
    ) -> None:
        now_s = self._monotonic()
        client = self._client_address(peer, request)
        self._keep(*key, client, detail)
        state = self._logged.get(key)
        if state is not None and now_s - state.logged_at_s < _LOG_INTERVAL_S:
            state.suppressed += 1
            return
        left_out = state.suppressed if state is not None else 0
        fields = {"app": name, "client": client, "detail": detail}
        fields = {field: value for field, value in fields.items() if value}
        self._logged[key] = _LogState(now_s, 0, fields)
        extra = {"suppressed": left_out} if left_out else {}
        log.warning("http_request_rejected", reason=key[0], **fields, **extra)

    def _client_address(self, peer: str, request: Request | None) -> str:
        trusted = self._trusted_proxies
        head = received_head(request) if request is not None and trusted else None
        return client_address(peer, head, trusted)


def client_address(peer: str, head: RequestHead | None, trusted: Sequence[Network]) -> str:
    """Return the client's address: the peer's, or the one that the trusted proxies forward for.

    `X-Forwarded-For` is read from its right end, which the nearest proxy wrote, as long as whoever wrote is
    trusted. Empty where there is none.
    """
    address = _parse_address(peer)
    if address is None:
        return ""
    if head is not None and trusted:
        hops = ",".join(head.headers.getall("X-Forwarded-For", ())).rsplit(",", _HOPS_MAX)[-_HOPS_MAX:]
        while hops and _is_in(address, trusted):
            before = _parse_address(hops.pop().strip())
            if before is None:
                break
            address = before
    return str(address)


def _is_in(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address as proxies write it, also with a port; IPv4 in IPv6 as what it is."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
