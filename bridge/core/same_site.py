"""Whether a request that changes something comes from a page of the same site, as a browser says it."""

from collections.abc import Collection
from urllib.parse import urlsplit

_SAME_SITE = ("same-origin", "none")  # none: typed into the address bar


def is_same_site(
    sec_fetch_site: str, origin: str, host: str, allowed_hosts: Collection[str] = ()
) -> bool | None:
    """Return whether the page that makes a browser ask is of this site; None where no browser asks.

    By Sec-Fetch-Site, else by Origin, which names ``host`` (that of the request) or one of ``allowed_hosts``
    (lower case). A browser sends at least one of them with each POST.
    """
    if sec_fetch_site:
        return sec_fetch_site in _SAME_SITE
    if not origin:
        return None
    try:
        found = urlsplit(origin)
        name = (found.hostname or "").lower()
    except ValueError:
        return False
    # "null", the origin of a page that may not say where it is from, has no host, as a request may have none.
    return (bool(host) and found.netloc.lower() == host.lower()) or name in allowed_hosts
