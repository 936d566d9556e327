"""What TLS begins with follows its files: at the next connection, all at once, and never to its harm."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from bridge.io.tls import ClientTlsFiles, ReloadingSSLContext
from tests.rig.certificates import Authority, Mount, Pair, lock


@pytest.fixture
def authorities() -> Iterator[tuple[Authority, Authority]]:
    """Give two authorities that do not know each other."""
    both = Authority("one"), Authority("two")
    yield both
    for one in both:
        one.remove()


class AdvancingClock:
    """A clock that goes where it is told."""

    now_s = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        self.now_s += 60
        return self.now_s


def server(authority: Authority) -> ssl.SSLContext:
    """Give a server that is certified by ``authority`` and asks for a certificate of it."""
    pair = authority.sign("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def shake(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """Shake hands in memory; raises what either side objects to."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def files(authority: Authority, pair: Pair) -> dict[str, Path | str]:
    """Give what is mounted."""
    return {"ca": authority.ca, "cert": pair.cert, "key": pair.key}


def mounted(mount: Mount) -> ClientTlsFiles:
    """Name the mounted files."""
    cafile, certfile, keyfile = (str(mount.path(name)) for name in ("ca", "cert", "key"))
    return ClientTlsFiles(cafile=cafile, certfile=certfile, keyfile=keyfile)


def test_the_next_connection_begins_with_the_renewed_files_and_trusts_the_old_ones_no_more(
    authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    one, two = authorities
    mount = Mount(tmp_path)
    mount.put(files(one, one.sign("client")))
    context = ReloadingSSLContext(mounted(mount), AdvancingClock())
    shake(context, server(one))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(context, server(two))
    mount.put(files(two, two.sign("client")))
    with capture_logs() as lines:
        shake(context, server(two))
    assert [line["event"] for line in lines] == ["certificates_renewed"]
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(context, server(one))


def test_files_that_cannot_be_used_leave_in_force_what_was_and_are_logged_once_and_tried_again(
    authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    one, two = authorities
    old, new = one.sign("client"), two.sign("client")
    mount = Mount(tmp_path)
    mount.put(files(one, old))
    context = ReloadingSSLContext(mounted(mount), AdvancingClock())
    for wrong in (
        files(one, old) | {"key": new.key},
        files(one, old) | {"cert": "-----BEGIN CERTIFICATE-----\nhalf"},
        files(one, old) | {"ca": ""},
    ):
        mount.put(wrong)
        with capture_logs() as lines:
            shake(context, server(one))
            shake(context, server(one))
        assert [line["event"] for line in lines] == ["certificate_reload_failed"]
    mount.put(files(two, new))
    shake(context, server(two))


def test_a_file_that_is_gone_is_no_reason_to_forget_it(
    authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    one, _ = authorities
    mount = Mount(tmp_path)
    mount.put(files(one, one.sign("client")))
    context = ReloadingSSLContext(mounted(mount), AdvancingClock())
    mount.path("cert").unlink()
    shake(context, server(one))


def test_files_are_not_checked_more_often_than_the_interval(
    authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    one, two = authorities
    mount = Mount(tmp_path)
    mount.put(files(one, one.sign("client")))
    now = [0.0]
    context = ReloadingSSLContext(mounted(mount), lambda: now[0], interval_s=30)
    shake(context, server(one))
    mount.put(files(two, two.sign("client")))
    now[0] = 29
    shake(context, server(one))
    now[0] = 30
    shake(context, server(two))


def test_a_key_that_wants_a_password_is_refused_without_asking_for_it_on_the_terminal(
    authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    one, _ = authorities
    pair = one.sign("client")
    locked = tmp_path / "locked.key"
    lock(pair.key, locked, "word")
    wanted = ClientTlsFiles(cafile=str(one.ca), certfile=str(pair.cert), keyfile=str(locked))
    with pytest.raises(OSError, match="SSL"):
        ReloadingSSLContext(wanted)
    shake(ReloadingSSLContext(replace(wanted, password="word")), server(one))
