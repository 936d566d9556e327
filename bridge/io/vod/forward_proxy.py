"""Which forward proxy leads to the vendor's API, by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.

Not by aiohttp's ``trust_env``: that reads ``~/.netrc`` too, and a login there for the vendor's host would
stop every call, which has an Authorization header of its own.
"""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bridge.io.vod.account import Proxy

_DEFAULT_PORT = 80


def proxy_for(url: str) -> Proxy | None:
    """Give the proxy that the environment names for ``url``; None where the way is direct."""
    target = urlsplit(url)
    if proxy_bypass(target.netloc):
        return None
    proxies = getproxies()
    named = proxies.get(target.scheme) or proxies.get("all")
    if not named:
        return None
    return _parse_proxy(named if "://" in named else f"http://{named}")


def _parse_proxy(url: str) -> Proxy:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORT
    except ValueError:
        return Proxy(url="", name="", mistake="the proxy's URL in the environment cannot be read")
    if parts.scheme != "http" or not parts.hostname:
        mistake = "the environment names a proxy that is no http://host:port, which is all that is supported"
        return Proxy(url="", name="", mistake=mistake)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Proxy(url=url, name=f"{host}:{port}")
