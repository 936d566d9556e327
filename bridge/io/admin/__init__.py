"""The admin endpoint: /livez, /readyz, /metrics. Nothing of the vendor's passes here.

`pages` says what is answered, `connections` accepts clients and limits them, `aiohttp_server` knows the
library that speaks HTTP, `hosts` says by which names a browser may call it.
"""

from bridge.io.admin.pages import Admin, Readiness

__all__ = ["Admin", "Readiness"]
