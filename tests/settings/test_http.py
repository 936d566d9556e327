"""What may be set of the ingress: files of TLS that fit, proxies by networks, all addresses by default."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from bridge.settings.settings import SettingsError, load
from tests.rig.certificates import Authority

MUST = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "k:9092", "BRIDGE_REDIS__URL": "redis://r"}


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    """Give an authority."""
    one = Authority()
    yield one
    one.remove()


def settings_error(**given: str) -> str:
    """Load settings that are refused, and return the error text."""
    with pytest.raises(SettingsError) as error:
        load(environment=MUST | {f"BRIDGE_HTTP__{name}": value for name, value in given.items()})
    return str(error.value)


def test_all_addresses_are_listened_on_by_default() -> None:
    settings = load(environment=MUST)
    assert (settings.http.host, settings.admin.host) == ("", "")


def test_networks_are_comma_separated() -> None:
    http = load(environment=MUST | {"BRIDGE_HTTP__TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::/32"}).http
    assert http.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert "TRUSTED_PROXIES" in settings_error(TRUSTED_PROXIES="10.0.0.0/8,nowhere")


def test_certificate_and_key_go_together_and_must_fit(authority: Authority) -> None:
    one, other = authority.sign("one"), authority.sign("other")
    files = {"TLS_CERTFILE": str(one.cert), "TLS_KEYFILE": str(one.key)}
    cafile = {"TLS_CLIENT_CAFILE": str(authority.ca)}
    good = {f"BRIDGE_HTTP__{name}": value for name, value in (files | cafile).items()}
    assert load(environment=MUST | good).http.tls_certfile == one.cert
    assert "go together" in settings_error(TLS_CERTFILE=str(one.cert))
    assert "cannot be used" in settings_error(**files | {"TLS_KEYFILE": str(other.key)})
    assert "tls_client_cafile needs" in settings_error(**cafile)
    assert "tls_client_cafile cannot be used" in settings_error(**files, TLS_CLIENT_CAFILE=str(one.key))
    assert "TLS_CERTFILE" in settings_error(**files | {"TLS_CERTFILE": "/nowhere/tls.crt"})
