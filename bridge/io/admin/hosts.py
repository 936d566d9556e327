"""By which names a browser may call the admin endpoint: the protection against DNS rebinding.

A page of a stranger's site may have its own name resolve to an address in here, and then reads what a browser
in here may read. Such a request names the stranger's host; nobody can have a private name for that.
"""

import re
from collections.abc import Collection
from ipaddress import ip_address

# Nobody can register these: names without a dot, and what resolves only inside a machine, a site, a cluster.
_PRIVATE = re.compile(r"[a-z0-9_-]+|(?:.+\.)(?:localhost|local|internal|svc|svc\.cluster\.local|home\.arpa)")


def is_allowed(host: str, allowed: Collection[str] = ()) -> bool:
    """Whether a Host header is an address, a private name, or one of ``allowed`` (lower case)."""
    name = re.sub(r":\d*$", "", host.strip()).lower().removesuffix(".")
    if name in allowed:
        return True
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return _PRIVATE.fullmatch(name) is not None
    return True
