"""The admin endpoint: /livez, /readyz, /metrics, and a site. Nothing of the vendor's passes here.

`pages` says what is answered, `connections` accepts clients and limits them, `aiohttp_server` knows the
library that speaks HTTP, `hosts` says by which names a browser may call it.
"""

from bridge.io.admin.aiohttp_server import SERVER_NAME
from bridge.io.admin.hosts import is_allowed
from bridge.io.admin.pages import Admin, OpenStream, Readiness

__all__ = ["SERVER_NAME", "Admin", "OpenStream", "Readiness", "is_allowed"]
