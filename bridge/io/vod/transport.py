"""HTTP calls to the vendor: one call, its limits, and errors whose texts hold no secret.

Nothing is retried here, no redirect is followed, nothing is logged.
"""

from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from bridge.io.vod.account import Account, Credential
from bridge.io.vod.errors import TransportError, truncate

_MAX_RESPONSE_BYTES = 64 * 1024 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OK = 200


class ApiRequest(Struct, frozen=True, kw_only=True):
    """What is posted, signed already.

    Never a GET: aiohttp repeats one by itself when its connection breaks, after the vendor lent the events.
    """

    path: str
    headers: dict[str, str]
    body: bytes


class ApiResponse(Struct, frozen=True):
    """What came back, whatever it is."""

    status: int
    body: bytes


class ApiTransport:
    """Calls to ``account.endpoint``, or to ``default_endpoint`` if it names none."""

    def __init__(self, account: Account, session: aiohttp.ClientSession, default_endpoint: str) -> None:
        self._account = account
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=account.timeout_s)
        self._base, self.host = _parse_endpoint(account.endpoint or default_endpoint)
        self.proxy = account.proxy_for(self._base)
        self._label = f"{self.host} (by the proxy {self.proxy.name})" if self.proxy else self.host

    def credential(self) -> Credential:
        """Ask for the key that counts now."""
        try:
            return self._account.credential()
        except (OSError, ValueError) as error:
            problem = f"no credential: {_describe_error(error)}"
        # Not from within the except: the chain of an error is printed too, and it may hold what a file held.
        raise TransportError(problem)

    async def send(self, request: ApiRequest) -> ApiResponse:
        """Send a request and return the response. Raises `TransportError` if none came whole and in time."""
        if self.proxy and self.proxy.mistake:
            raise TransportError(f"{self.host}: {self.proxy.mistake}")
        try:
            return await self._send(request)
        except TimeoutError:
            problem = f"no answer within {self._account.timeout_s:g} s"
        except aiohttp.ClientHttpProxyError as error:
            problem = f"the proxy refuses the way there with status {error.status}"
        except aiohttp.ClientProxyConnectionError as error:
            problem = f"the proxy cannot be reached: {_describe_error(error)}"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = _describe_error(error)
        # Not from within the except: aiohttp's errors hold the request, signature and all.
        raise TransportError(f"{self._label}: {problem}")

    def invalid_response(self, response: ApiResponse) -> TransportError:
        """Return the error for an invalid response. It shows none of its bytes: they may be anything."""
        return TransportError(
            f"{self._label}: status {response.status} and {len(response.body)} bytes of no use"
        )

    def raise_for_status(self, response: ApiResponse) -> None:
        """Raise `TransportError` unless the status is 200."""
        if response.status != _OK:
            raise self.invalid_response(response)

    async def _send(self, request: ApiRequest) -> ApiResponse:
        async with self._session.post(
            self._base + request.path,
            headers=request.headers,
            data=request.body,
            timeout=self._timeout,
            proxy=self.proxy.url if self.proxy else None,
            allow_redirects=False,
            raise_for_status=False,
        ) as response:
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > _MAX_RESPONSE_BYTES:
                    raise TransportError(f"{self.host}: an answer of more than {_MAX_RESPONSE_BYTES} bytes")
            return ApiResponse(response.status, bytes(body))


def _describe_error(error: Exception) -> str:
    """Return an error's type and the system's text: its own text may hold a URL or a file's bytes."""
    detail = getattr(error, "strerror", None)
    return f"{type(error).__name__}: {truncate(detail)}" if isinstance(detail, str) else type(error).__name__


def _parse_endpoint(endpoint: str) -> tuple[str, str]:
    """Return the base of every URL, and the host as it is signed and sent."""
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    host = parts.netloc.rpartition("@")[2].lower()
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("an endpoint is a host, or a URL of http or https")
    if parts.port == _DEFAULT_PORTS[parts.scheme]:
        host = host.rpartition(":")[0]
    return f"{parts.scheme}://{host}", host
