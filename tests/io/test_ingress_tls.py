"""TLS at the ingress: certificates are followed, clients show theirs, slow handshakes pin nothing."""

import asyncio
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.io.http.connections import ConnectionRegistry, TrackedConnection
from bridge.io.http.server import IngressLimits
from bridge.io.tls import ReloadingSSLContext, ServerTlsFiles
from tests.io.http_server import HttpTestServer, RawClient, post, running_server, until
from tests.rig.certificates import Authority, Mount
from tests.rig.waiting import WITHIN_S

RUNS_ON_BOTH_LOOPS = True  # transports differ, and the program runs on uvloop's
BODY = b'{"EventType":"NewFileUpload"}'


@pytest.fixture(scope="module")
def stranger() -> Iterator[Authority]:
    """Give one that nobody trusts."""
    other = Authority("two")
    yield other
    other.remove()


def server_context(authority: Authority, client_ca: Path | None = None) -> ReloadingSSLContext:
    """Give what a server of this authority speaks TLS with."""
    pair = authority.sign("server")
    files = ServerTlsFiles(
        certfile=str(pair.cert), keyfile=str(pair.key), client_cafile=str(client_ca) if client_ca else None
    )
    return ReloadingSSLContext(files)


def client_context(authority: Authority, client_authority: Authority | None = None) -> ssl.SSLContext:
    """Give what a client speaks TLS with that trusts one authority, and shows a certificate of another."""
    context = ssl.create_default_context(cafile=str(authority.ca))
    if client_authority is not None:
        pair = client_authority.sign("client")
        context.load_cert_chain(pair.cert, pair.key)
    return context


async def connect_tls(server: HttpTestServer, context: ssl.SSLContext) -> RawClient:
    return RawClient(*await asyncio.open_connection("localhost", server.port, ssl=context))


async def is_refused(server: HttpTestServer, context: ssl.SSLContext) -> None:
    """Try to deliver, and find the connection ended: with TLS 1.3 the client learns of it late."""

    async def deliver() -> None:
        client = await connect_tls(server, context)
        client.send(post(BODY))
        await client.response()

    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await deliver()


async def test_deliveries_come_by_tls_and_the_connection_goes_on(authority: Authority) -> None:
    async with running_server(tls=server_context(authority)) as server:
        client = await connect_tls(server, client_context(authority))
        for size in (2, 100_000, 4 * 1024 * 1024):
            await client.send_all(post(b"x" * size))
            assert (await client.response()).status == 200
        client.send(post(BODY) * 40)
        assert [(await client.response()).status for _ in range(40)] == [200] * 40
        assert len(server.notifications) == 43
        assert len(server.ingress.connections) == 1
        client.writer.close()
        await until(lambda: len(server.ingress.connections) == 0)


async def test_a_request_in_the_handshakes_last_flight_is_taken(authority: Authority) -> None:
    async with running_server(tls=server_context(authority)) as server:
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_context(authority).wrap_bio(to_client, to_server, server_hostname="localhost")
        plain = await server.connect()
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.send(to_server.read())
                to_client.write(await plain.reader.read(65536))
        tls.write(post(BODY))
        plain.send(to_server.read())  # Finished and the request, in one segment
        await until(lambda: len(server.notifications) == 1)
        plain.writer.close()


async def test_a_request_without_tls_is_logged_once_and_without_a_traceback(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    async with running_server(tls=server_context(authority)) as server:
        with capture_logs() as lines, caplog.at_level(logging.WARNING):
            for _ in range(3):
                client = await server.connect()
                client.send(post(BODY))
                await client.reader.read()
            await until(lambda: server.rejected_count("plaintext") == 3)
    (line, *_) = lines
    assert (line["event"], line["reason"], line["client"]) == (
        "http_request_rejected",
        "plaintext",
        "127.0.0.1",
    )
    assert "https://" in line["detail"]
    assert [each for each in lines if each["event"] == "http_request_rejected"] == [line]
    assert (problems, caplog.records) == ([], [])


@pytest.mark.parametrize("garbage", [b"\0\1\2\3" * 20, b"\x16\x03\x01\x00\x05hello"])
async def test_what_is_no_handshake_is_counted_and_closed(
    authority: Authority, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_server(tls=server_context(authority)) as server:
        client = await server.connect()
        client.send(garbage)
        await client.reader.read()
        await until(lambda: server.rejected_count("tls_handshake") == 1)
        await until(lambda: len(server.ingress.connections) == 0)
        assert caplog.records == []


async def test_who_connects_and_leaves_as_a_health_check_does_is_no_refusal(authority: Authority) -> None:
    async with running_server(tls=server_context(authority)) as server:
        with capture_logs() as lines:
            client = await server.connect()
            await until(lambda: len(server.ingress.connections) == 1)
            client.writer.close()
            await until(lambda: len(server.ingress.connections) == 0)
        assert lines == []


async def test_a_handshake_has_the_time_of_a_request_and_is_closed_for_others_at_the_limit(
    authority: Authority,
) -> None:
    async with running_server(IngressLimits(connections_max=3), tls=server_context(authority)) as server:
        slow = [await server.connect() for _ in range(3)]
        await until(lambda: len(server.ingress.connections) == 3)
        client = await connect_tls(server, client_context(authority))
        client.send(post(BODY))
        assert (await client.response()).status == 200
        assert await slow[0].reads_eof()
        assert server.rejected_count("connection_limit") == 1
        server.now_s = 10.5
        assert all([await each.reads_eof() for each in slow[1:]])
        assert server.rejected_count("read_timeout") == 2
        client.send(post(BODY))
        assert (await client.response()).status == 200


async def test_clients_must_show_a_certificate_where_an_authority_is_given(
    authority: Authority, stranger: Authority
) -> None:
    async with running_server(tls=server_context(authority, authority.ca)) as server:
        client = await connect_tls(server, client_context(authority, authority))
        client.send(post(BODY))
        assert (await client.response()).status == 200
        with capture_logs() as lines:
            await is_refused(server, client_context(authority))
            await until(lambda: server.rejected_count("tls_handshake") == 1)
        assert "tls_client_cafile" in lines[0]["detail"]
        await is_refused(server, client_context(authority, stranger))
        await until(lambda: server.rejected_count("tls_handshake") == 2)
        assert len(server.notifications) == 1


async def test_renewed_certificates_are_used_without_a_restart(
    authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    mount = Mount(tmp_path)

    def put(one: Authority) -> None:
        pair = one.sign("server")
        mount.put({"tls.crt": pair.cert, "tls.key": pair.key})

    put(authority)
    files = ServerTlsFiles(certfile=str(mount.path("tls.crt")), keyfile=str(mount.path("tls.key")))
    async with running_server(tls=ReloadingSSLContext(files, interval_s=0)) as server:
        client = await connect_tls(server, client_context(authority))
        put(stranger)
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect_tls(server, client_context(authority))
        renewed = await connect_tls(server, client_context(stranger))
        for each in (client, renewed):  # who is connected stays so
            each.send(post(BODY))
            assert (await each.response()).status == 200


async def test_a_client_that_closes_behind_its_request_is_delivered(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_server(tls=server_context(authority)) as server:
        client = await connect_tls(server, client_context(authority))
        client.send(post(BODY))
        client.writer.close()
        await until(lambda: len(server.notifications) == 1)
        await until(lambda: len(server.ingress.connections) == 0)
        assert caplog.records == []


async def test_a_large_body_that_is_refused_is_answered_and_the_connection_closed(
    authority: Authority,
) -> None:
    async with running_server(tls=server_context(authority)) as server:
        client = await connect_tls(server, client_context(authority))
        client.send(b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
        assert (await client.response()).status == 413
        client.writer.close()
        await until(lambda: len(server.ingress.connections) == 0)


async def test_stopping_ends_handshakes_too(authority: Authority) -> None:
    async with running_server(tls=server_context(authority)) as server:
        client = await server.connect()
        await until(lambda: len(server.ingress.connections) == 1)
        await asyncio.wait_for(server.ingress.stop(1), WITHIN_S)
        assert await client.reads_eof()
        assert server.rejected_count("shutdown") == 0


def test_it_speaks_nothing_older_than_tls_1_2(authority: Authority) -> None:
    pair = authority.sign("server")
    context = ServerTlsFiles(certfile=str(pair.cert), keyfile=str(pair.key)).context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE


async def test_connections_are_accepted_again_after_a_bug_in_it(authority: Authority) -> None:
    errors = [ZeroDivisionError()]

    class FailingRegistry(ConnectionRegistry):
        def admit(self, connection: TrackedConnection) -> bool:
            if errors:
                raise errors.pop()
            return super().admit(connection)

    async with running_server(tls=server_context(authority)) as server:
        server.ingress.connections = FailingRegistry(10, 10, 10)
        await is_refused(server, client_context(authority))
        client = await connect_tls(server, client_context(authority))
        client.send(post(BODY))
        assert (await client.response()).status == 200
        assert server.telemetry.registry.get_sample_value("vod_bridge_internal_errors_total") == 1
        client.writer.close()
