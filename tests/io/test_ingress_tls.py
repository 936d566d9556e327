"""TLS at the ingress: certificates are followed, clients show theirs, slow handshakes pin nothing."""

import asyncio
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from bridge.certificates import RenewedContext, ServerTlsFiles
from bridge.io.ingress import Limits
from bridge.io.ingress.crowd import Crowd, Guest
from tests.io.doors import Client, Door, opened, post, until
from tests.rig.certificates import Authority, Mount

BODY = b'{"EventType":"NewFileUpload"}'


@pytest.fixture(params=["asyncio", "uvloop"], scope="module")
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Give both loops: transports differ, and the program runs on the second."""
    return asyncio.DefaultEventLoopPolicy() if request.param == "asyncio" else uvloop.EventLoopPolicy()


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    """Give an authority."""
    one = Authority("one")
    yield one
    one.remove()


@pytest.fixture(scope="module")
def stranger() -> Iterator[Authority]:
    """Give one that nobody trusts."""
    other = Authority("two")
    yield other
    other.remove()


def serving(authority: Authority, client_ca: Path | None = None) -> RenewedContext:
    """Give what a server of this authority speaks TLS with."""
    pair = authority.sign("server")
    files = ServerTlsFiles(
        certfile=str(pair.cert), keyfile=str(pair.key), client_cafile=str(client_ca) if client_ca else None
    )
    return RenewedContext(files)


def trusting(authority: Authority, shown: Authority | None = None) -> ssl.SSLContext:
    """Give what a client speaks TLS with that trusts one authority, and shows a certificate of another."""
    context = ssl.create_default_context(cafile=str(authority.ca))
    if shown is not None:
        pair = shown.sign("client")
        context.load_cert_chain(pair.cert, pair.key)
    return context


async def knock(door: Door, context: ssl.SSLContext) -> Client:
    return Client(*await asyncio.open_connection("localhost", door.port, ssl=context))


async def is_refused(door: Door, context: ssl.SSLContext) -> None:
    """Try to deliver, and find the connection ended: with TLS 1.3 the client learns of it late."""

    async def deliver() -> None:
        client = await knock(door, context)
        client.send(post(BODY))
        await client.response()

    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await deliver()


async def test_deliveries_come_by_tls_and_the_connection_goes_on(authority: Authority) -> None:
    async with opened(tls=serving(authority)) as door:
        client = await knock(door, trusting(authority))
        for size in (2, 100_000, 4 * 1024 * 1024):
            await client.send_all(post(b"x" * size))
            assert (await client.response()).status == 200
        client.send(post(BODY) * 40)
        assert [(await client.response()).status for _ in range(40)] == [200] * 40
        assert len(door.taken) == 43
        assert len(door.ingress.crowd) == 1
        client.writer.close()
        await until(lambda: len(door.ingress.crowd) == 0)


async def test_a_request_in_the_handshakes_last_flight_is_taken(authority: Authority) -> None:
    async with opened(tls=serving(authority)) as door:
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trusting(authority).wrap_bio(back, there, server_hostname="localhost")
        plain = await door.knock()
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.send(there.read())
                back.write(await plain.reader.read(65536))
        tls.write(post(BODY))
        plain.send(there.read())  # Finished and the request, in one segment
        await until(lambda: len(door.taken) == 1)
        plain.writer.close()


async def test_a_request_without_tls_is_told_once_and_without_a_traceback(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    async with opened(tls=serving(authority)) as door:
        with capture_logs() as lines, caplog.at_level(logging.WARNING):
            for _ in range(3):
                client = await door.knock()
                client.send(post(BODY))
                await client.reader.read()
            await until(lambda: door.refused("plaintext") == 3)
    (line, *_) = lines
    assert (line["event"], line["reason"], line["client"]) == ("request_refused", "plaintext", "127.0.0.1")
    assert "https://" in line["detail"]
    assert [each for each in lines if each["event"] == "request_refused"] == [line]
    assert (problems, caplog.records) == ([], [])


@pytest.mark.parametrize("garbage", [b"\0\1\2\3" * 20, b"\x16\x03\x01\x00\x05hello"])
async def test_what_is_no_handshake_is_told_and_closed(
    authority: Authority, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tls=serving(authority)) as door:
        client = await door.knock()
        client.send(garbage)
        await client.reader.read()
        await until(lambda: door.refused("tls_handshake") == 1)
        await until(lambda: len(door.ingress.crowd) == 0)
        assert caplog.records == []


async def test_who_knocks_and_leaves_as_a_balancers_check_does_is_no_refusal(authority: Authority) -> None:
    async with opened(tls=serving(authority)) as door:
        with capture_logs() as lines:
            client = await door.knock()
            await until(lambda: len(door.ingress.crowd) == 1)
            client.writer.close()
            await until(lambda: len(door.ingress.crowd) == 0)
        assert lines == []


async def test_a_handshake_has_the_time_of_a_request_and_is_closed_for_others_at_the_cap(
    authority: Authority,
) -> None:
    async with opened(Limits(connections_max=3), tls=serving(authority)) as door:
        slow = [await door.knock() for _ in range(3)]
        await until(lambda: len(door.ingress.crowd) == 3)
        client = await knock(door, trusting(authority))
        client.send(post(BODY))
        assert (await client.response()).status == 200
        assert await slow[0].ended()
        assert door.refused("connections") == 1
        door.seconds = 10.5
        assert all([await each.ended() for each in slow[1:]])
        assert door.refused("timeout") == 2
        client.send(post(BODY))
        assert (await client.response()).status == 200


async def test_clients_must_show_a_certificate_where_an_authority_is_given(
    authority: Authority, stranger: Authority
) -> None:
    async with opened(tls=serving(authority, authority.ca)) as door:
        client = await knock(door, trusting(authority, authority))
        client.send(post(BODY))
        assert (await client.response()).status == 200
        with capture_logs() as lines:
            await is_refused(door, trusting(authority))
            await until(lambda: door.refused("tls_handshake") == 1)
        assert "tls_client_cafile" in lines[0]["detail"]
        await is_refused(door, trusting(authority, stranger))
        await until(lambda: door.refused("tls_handshake") == 2)
        assert len(door.taken) == 1


async def test_renewed_certificates_are_used_without_a_restart(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    mount = Mount(tmp_path)

    def put(one: Authority) -> None:
        pair = one.sign("server")
        mount.put({"tls.crt": pair.cert, "tls.key": pair.key})

    put(authority)
    files = ServerTlsFiles(certfile=str(mount.path("tls.crt")), keyfile=str(mount.path("tls.key")))
    async with opened(tls=RenewedContext(files, every_s=0)) as door:
        client = await knock(door, trusting(authority))
        put(stranger)
        with pytest.raises(ssl.SSLCertVerificationError):
            await knock(door, trusting(authority))
        renewed = await knock(door, trusting(stranger))
        for each in (client, renewed):  # who is connected stays so
            each.send(post(BODY))
            assert (await each.response()).status == 200


async def test_a_client_that_closes_behind_its_request_is_delivered(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tls=serving(authority)) as door:
        client = await knock(door, trusting(authority))
        client.send(post(BODY))
        client.writer.close()
        await until(lambda: len(door.taken) == 1)
        await until(lambda: len(door.ingress.crowd) == 0)
        assert caplog.records == []


async def test_a_large_body_that_is_refused_is_answered_and_the_connection_closed(
    authority: Authority,
) -> None:
    async with opened(tls=serving(authority)) as door:
        client = await knock(door, trusting(authority))
        client.send(b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
        assert (await client.response()).status == 413
        client.writer.close()
        await until(lambda: len(door.ingress.crowd) == 0)


async def test_stopping_ends_handshakes_too(authority: Authority) -> None:
    async with opened(tls=serving(authority)) as door:
        client = await door.knock()
        await until(lambda: len(door.ingress.crowd) == 1)
        await asyncio.wait_for(door.ingress.stop(1), 5)
        assert await client.ended()
        assert door.refused("stopped") == 0


def test_it_speaks_nothing_older_than_tls_1_2(authority: Authority) -> None:
    pair = authority.sign("server")
    context = ServerTlsFiles(certfile=str(pair.cert), keyfile=str(pair.key)).context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE


async def test_connections_are_accepted_again_after_a_bug_in_it(authority: Authority) -> None:
    bugs = [ZeroDivisionError()]

    class Connections(Crowd):
        def join(self, guest: Guest) -> bool:
            if bugs:
                raise bugs.pop()
            return super().join(guest)

    async with opened(tls=serving(authority)) as door:
        door.ingress.crowd = Connections(10, 10, 10)
        await is_refused(door, trusting(authority))
        client = await knock(door, trusting(authority))
        client.send(post(BODY))
        assert (await client.response()).status == 200
        assert door.telemetry.registry.get_sample_value("bridge_internal_errors_total") == 1
        client.writer.close()
