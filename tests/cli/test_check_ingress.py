"""The findings of `check` about the ingress's certificate."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from bridge.operations.check.ingress import check_ingress
from bridge.settings.sections import HttpSettings
from tests.rig.certificates import Authority, Pair

pytestmark = pytest.mark.services

DAY_S = 86_400


class CertificateSet(Struct):
    """An authority, and what it has signed."""

    authority: Authority
    pair: Pair


@pytest.fixture(scope="module")
def certificates() -> Iterator[CertificateSet]:
    """Give an authority and a certificate for 30 days."""
    authority = Authority("one")
    yield CertificateSet(authority, authority.sign("server", days=30))
    authority.remove()


def check_lines(
    pair: Pair, cert: Path | None = None, *, in_days: float = 0, clients: Path | None = None
) -> list[str]:
    """Check, and give each finding as text."""
    http = HttpSettings(tls_certfile=cert or pair.cert, tls_keyfile=pair.key, tls_client_cafile=clients)
    found = check_ingress(http, time.time() + in_days * DAY_S)
    return [f"{finding.state} {finding.check}: {finding.message} {finding.remedy}" for finding in found]


def chained(tmp_path: Path, *parts: Path) -> Path:
    """Write several certificates into one file."""
    file = tmp_path / "chain.pem"
    file.write_text("".join(part.read_text() for part in parts))
    return file


def test_without_tls_there_is_no_finding() -> None:
    assert check_ingress(HttpSettings(), time.time()) == []


def test_a_good_certificate_is_named_with_its_hosts_and_its_end(certificates: CertificateSet) -> None:
    (text,) = check_lines(certificates.pair)
    assert text.startswith("ok http tls")
    assert "localhost" in text
    assert "127.0.0.1" in text


@pytest.mark.parametrize(
    ("in_days", "begins", "holds"),
    [(20, "warning", "ends in 9 days"), (31, "failed", "out of date since"), (-2, "failed", "not valid yet")],
)
def test_its_expiry_is_reported_before_and_after(
    certificates: CertificateSet, in_days: float, begins: str, holds: str
) -> None:
    (text,) = check_lines(certificates.pair, in_days=in_days)
    assert text.startswith(begins)
    assert holds in text


def test_a_chain_must_hold(certificates: CertificateSet, tmp_path: Path) -> None:
    (text,) = check_lines(
        certificates.pair, chained(tmp_path, certificates.pair.cert, certificates.authority.ca)
    )
    assert text.startswith("ok")
    other = Authority("two")
    (text,) = check_lines(certificates.pair, chained(tmp_path, certificates.pair.cert, other.ca))
    other.remove()
    assert text.startswith("failed http tls: the chain")
    assert "fullchain.pem" in text


def test_the_client_authority_is_reported_and_must_be_in_date(certificates: CertificateSet) -> None:
    assert check_lines(certificates.pair, clients=certificates.authority.ca)[1].startswith(
        "ok http client tls"
    )
    assert check_lines(certificates.pair, in_days=20, clients=certificates.authority.ca)[1].startswith(
        "failed http client tls"
    )
