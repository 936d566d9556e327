"""Checks of Redis URLs, alone and together with the settings for Sentinel, Cluster and TLS.

Nothing connects here. The checks raise `ValueError`.
"""

import re
from urllib.parse import parse_qsl, urlsplit


def host_urls(url: str) -> list[str]:
    """Return one URL for each host that ``url`` lists, with everything else the same."""
    scheme, _, rest = url.partition("://")
    authority, end = re.split(r"(?=[/?#]|$)", rest, maxsplit=1)
    login, at, hosts = authority.rpartition("@")
    return [f"{scheme}://{login}{at}{host}{end}" for host in hosts.split(",")]


def check_url(url: str) -> str:
    """Refuse URLs that the client library would refuse only when it connects, or would misread."""
    each = host_urls(url)
    for one in each:
        _check_host_url(one)
    if len(each) > 1 and not all(urlsplit(one).hostname for one in each):
        raise ValueError("must have a host before and after each comma")
    return url


def check_hostname(host: str) -> None:
    """Refuse names that no resolver takes: client libraries fail on them with an unrelated error."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError("must have a host without an empty part or one of over 63 characters") from None


def _check_host_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("must have a port from 1 to 65535") from None
    if port == 0:
        raise ValueError("must have a port from 1 to 65535")
    check_hostname(parts.hostname or "")
    if parts.scheme != "unix" and not re.fullmatch(r"/?\d*", parts.path, re.ASCII):
        raise ValueError("must have a database number after the host, or nothing")
    options = parse_qsl(parts.query, keep_blank_values=True)
    allowed = _URL_OPTIONS + (_TLS_OPTIONS if parts.scheme == "rediss" else ())
    if any(name not in allowed for name, _ in options):
        raise ValueError(f"may have after the '?' only {', '.join(allowed)}")
    if any(name == "db" and not value.isdecimal() for name, value in options):
        raise ValueError("must have a number as db")


# The client library's other options are set by the bridge, not by the user.
_URL_OPTIONS = ("db", "username", "password", "client_name")
_TLS_OPTIONS = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_cert_reqs",
    "ssl_check_hostname",
)
# The client of a cluster does not know these.
_NOT_FOR_CLUSTER = ("ssl_ca_path", "ssl_password")


def check_topology(url: str, *, sentinels: bool, cluster: bool) -> None:
    """Refuse combinations of URL, Sentinel and Cluster that exclude each other."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if sentinels and cluster:
        raise ValueError("sentinel_service and cluster exclude each other")
    if not (sentinels or cluster) and len(host_urls(url)) > 1:
        raise ValueError("several hosts in url need sentinel_service or cluster")
    if (sentinels or cluster) and parts.scheme == "unix":
        raise ValueError("sentinel_service and cluster need redis:// or rediss:// as url")
    if cluster and int(options.get("db") or parts.path.strip("/") or 0):
        raise ValueError("a cluster has only database 0")
    if cluster and any(name in options for name in _NOT_FOR_CLUSTER):
        raise ValueError(f"with cluster url may not have {' or '.join(_NOT_FOR_CLUSTER)}")


def has_url_password(url: str) -> bool:
    """Whether the URL contains a password."""
    parts = urlsplit(host_urls(url)[0])
    return bool(parts.password or dict(parse_qsl(parts.query)).get("password"))


def check_given_once(name: str, *values: object) -> None:
    """Refuse a secret that is given in more ways than one."""
    if sum(map(bool, values)) > 1:
        raise ValueError(f"{name} is given twice")


def check_tls_files(url: str) -> None:
    """Refuse TLS files with a URL without TLS, or with one that names files itself."""
    if urlsplit(url).scheme != "rediss":
        raise ValueError("ssl_cafile, ssl_certfile and ssl_keyfile need rediss:// as url")
    named = {name for name, _ in parse_qsl(urlsplit(host_urls(url)[0]).query)}
    if named & {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}:
        raise ValueError("certificates are given twice, also in url")
