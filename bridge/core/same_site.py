"""Whether a request that changes something comes from a page of the same site, as a browser says it."""

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

_SAME_SITE = ("same-origin", "none")  # none: typed into the address bar


def is_same_site(headers: Mapping[str, str], allowed_hosts: Collection[str] = ()) -> bool | None:
    """Return whether the page that makes a browser ask is of this site; None where no browser asks.

    By the request's Sec-Fetch-Site, else by its Origin, which names its Host or one of ``allowed_hosts``
    (lower case). A browser sends at least one of them with each POST.
    """
    sec_fetch_site, origin, host = (headers.get(name, "") for name in ("Sec-Fetch-Site", "Origin", "Host"))
    if sec_fetch_site:
        return sec_fetch_site in _SAME_SITE
    if not origin:
        return None
    try:
        found = urlsplit(origin)
        name = (found.hostname or "").lower()
    except ValueError:
        return False
    return bool(found.netloc) and (found.netloc.lower() == host.lower() or name in allowed_hosts)
