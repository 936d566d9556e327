"""How this program logs in: what is in files is followed, and what cannot be meant is refused."""

import asyncio
import errno
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import conn

from bridge import aiokafka_internals
from bridge.aiokafka_internals import FilePassword, with_current_password
from bridge.diagnostics.kafka import diagnose_broker
from bridge.diagnostics.redis import diagnose
from bridge.io.dedup.redis_client import redis_client, redis_tls_context
from bridge.io.kafka.client import kafka_options
from bridge.io.tls import ReloadingSSLContext
from bridge.settings.secret_files import reread_secret
from bridge.settings.sections import KafkaSettings, RedisSettings
from bridge.settings.settings import SettingsError, load
from tests.io.sasl_broker import SaslBroker
from tests.rig.certificates import Authority, lock
from tests.rig.redis import RealRedis, Tls


@pytest.mark.parametrize("known", [True, False])
async def test_a_password_of_kafka_in_a_file_is_read_again_at_each_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    if not known:
        monkeypatch.setattr(aiokafka_internals, "KNOWN_VERSIONS", frozenset())
        monkeypatch.setattr(conn, "AIOKafkaConnection", conn.AIOKafkaConnection.__mro__[-2])
    file = tmp_path / "password"
    file.write_text("ein Wört\n", encoding="utf-8")
    settings = KafkaSettings(
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username="bridge",
        sasl_password_file=file,
    )
    passwords: list[bytes] = []

    def accept(request: bytes) -> bytes:
        passwords.append(request.rpartition(b"\0")[2])
        return b""

    broker = SaslBroker("PLAIN", accept)
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]

    async def log_in(options: dict[str, Any]) -> None:
        login = {name: value for name, value in options.items() if name.startswith("s")}
        connection = await conn.create_conn(host, port, **login)
        connection.close()

    options = kafka_options(settings)
    await log_in(options)
    file.write_text("another\n", encoding="utf-8")
    await log_in(options if known else with_current_password(options))
    assert passwords == ["ein Wört".encode(), b"another"]
    file.unlink()
    if known:
        with pytest.raises(OSError, match="password"):
            await log_in(options)
    await log_in(with_current_password(options) | {"sasl_plain_password": "kept"})
    assert with_current_password(options)["sasl_plain_password"] == "ein Wört"  # noqa: S105 - a test's
    server.close()


@pytest.mark.parametrize("url", ["redis://bridge@{0}", "redis://{0}"])
@pytest.mark.services
async def test_the_password_of_redis_is_read_from_its_file_at_each_login(tmp_path: Path, url: str) -> None:
    server = RealRedis(users=["default on >one ~* +@all", "bridge on >one ~* +@all"])
    file = tmp_path / "password"
    file.write_text("one\n", encoding="utf-8")
    server.start()
    try:
        client = redis_client(
            RedisSettings(url=url.format(f"127.0.0.1:{server.port}"), password_file=file), 1
        )
        assert await client.ping()
        for user in ("default", "bridge"):
            await client.execute_command("ACL", "SETUSER", user, "resetpass", ">two")
        assert server.command("CLIENT", "KILL", "TYPE", "normal")[:1] == b"-"  # nor is the rig let in
        file.write_text("two\n", encoding="utf-8")
        assert await client.ping()
        await client.aclose()
    finally:
        server.remove()


async def test_tls_options_in_the_url_are_used(authority: Authority) -> None:
    client = authority.sign("client")
    server = RealRedis(tls=Tls(pair=authority.sign("redis", ["DNS:elsewhere"]), ca=authority.ca, mutual=True))
    server.start()
    words = f"ssl_ca_certs={authority.ca}&ssl_certfile={client.cert}&ssl_keyfile={client.key}"
    try:
        for options in (f"{words}&ssl_check_hostname=false", f"{words}&ssl_cert_reqs=none"):
            found = redis_client(RedisSettings(url=f"{server.tls_url}?{options}"), 1)
            assert await found.ping()
            await found.aclose()
    finally:
        server.remove()


async def test_all_connections_to_redis_share_one_context_that_is_renewed(authority: Authority) -> None:
    assert redis_tls_context(RedisSettings(url="redis://h")) is None
    context = redis_tls_context(RedisSettings(url="rediss://h", ssl_cafile=authority.ca))
    assert isinstance(context, ReloadingSSLContext)
    assert not context.has_client_certificate


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"URL": "redis://h", "SSL_CAFILE": "{ca}"}, "need rediss://"),
        ({"URL": "rediss://h?ssl_ca_certs=/ca", "SSL_CAFILE": "{ca}"}, "given twice"),
        ({"URL": "rediss://h", "SSL_CERTFILE": "{ca}"}, "ssl_certfile and ssl_keyfile go together"),
        ({"URL": "rediss://h", "SSL_CERTFILE": "{ca}", "SSL_KEYFILE": "{ca}"}, "cannot be used"),
        ({"URL": "rediss://h", "SSL_CAFILE": "/nowhere/ca.pem"}, "does not point to a file"),
        ({"URL": "redis://:hidden@h", "PASSWORD": "hidden"}, "password is given twice"),
        ({"URL": "redis://h?password=hidden", "PASSWORD": "hidden"}, "password is given twice"),
    ],
)
def test_what_cannot_be_meant_of_redis_is_refused_and_no_secret_is_shown(
    authority: Authority, settings: dict[str, str], words: str
) -> None:
    given = {f"BRIDGE_REDIS__{name}": value.format(ca=authority.ca) for name, value in settings.items()}
    with pytest.raises(SettingsError, match=words) as refused:
        load(None, given)
    assert "hidden" not in str(refused.value)


def test_a_secret_that_is_given_and_in_a_file_is_refused(tmp_path: Path) -> None:
    file, config = tmp_path / "password", tmp_path / "bridge.toml"
    file.write_text("hidden", encoding="utf-8")
    for section, more, name in (
        ("redis", "", "password"),
        ("redis", 'sentinel_service = "s"\n', "sentinel_password"),
        ("kafka", 'security_protocol = "SASL_SSL"\nsasl_username = "u"\n', "sasl_password"),
    ):
        text = f'[{section}]\n{more}{name} = "hidden"\n{name}_file = "{file}"\n'
        config.write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError, match="twice") as refused:
            load(config, {})
        assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        {
            "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA__SASL_USERNAME": "u",
            "KAFKA__SASL_PASSWORD_FILE": "",
        },
        {
            "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA__SASL_MECHANISM": "OAUTHBEARER",
            "KAFKA__SASL_TOKEN_FILE": "",
        },
        {"REDIS__PASSWORD_FILE": ""},
        {"REDIS__SENTINEL_SERVICE": "m", "REDIS__SENTINEL_PASSWORD_FILE": ""},
    ],
)
def test_a_secrets_file_that_holds_no_text_stops_the_start_and_is_named(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"hidden\xff")
    given = {f"BRIDGE_{name}": value or str(file) for name, value in settings.items()}
    with pytest.raises(SettingsError, match=r"_FILE = .*: cannot be read: not UTF-8 text") as refused:
        load(None, given)
    assert "hidden" not in str(refused.value)


@pytest.mark.services
async def test_a_secrets_file_that_turns_into_no_text_is_a_connection_problem_and_no_bug(
    tmp_path: Path,
) -> None:
    folder = tmp_path / f"{errno.ECONNREFUSED} refused"  # in the error's text, and no refusal
    folder.mkdir()
    file = folder / "secret"
    file.write_text("hidden", encoding="utf-8")
    password = FilePassword(partial(reread_secret, file))
    server = RealRedis()
    server.start()
    settings = RedisSettings(url=server.url, password_file=file)
    file.write_bytes(b"hidden\xff")
    try:
        with pytest.raises(OSError, match="no UTF-8 text"):
            password.reread()
        found = await diagnose(settings)
    finally:
        server.remove()
    assert found is not None
    assert str(file) in found[1].message
    assert "hidden" not in str(found[1])


def test_a_key_of_kafkas_that_wants_a_password_is_refused_without_asking_for_it_on_the_terminal(
    authority: Authority, tmp_path: Path
) -> None:
    pair = authority.sign("bridge")
    locked = tmp_path / "locked.key"
    lock(pair.key, locked, "word")
    given = {"SECURITY_PROTOCOL": "SSL", "SSL_CERTFILE": str(pair.cert), "SSL_KEYFILE": str(locked)}
    with pytest.raises(SettingsError, match="ssl_keyfile cannot be used"):
        load(None, {f"BRIDGE_KAFKA__{name}": value for name, value in given.items()})


async def test_a_broker_with_a_name_that_no_resolver_accepts_is_a_problem_and_no_bug() -> None:
    found = await diagnose_broker(("kafka..svc", 9092), {"security_protocol": "PLAINTEXT"})
    assert found is not None
    assert "the name kafka..svc is not known here" in found.message
