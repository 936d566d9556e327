"""``check`` with TLS and logins: each mistake is named exactly, with the remedy, in bounded time."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from bridge.io.kafka.client import kafka_options
from bridge.operations.check.finding import Finding
from bridge.operations.check.kafka import check_kafka
from bridge.operations.check.redis import check_redis
from bridge.settings.sections import RedisSettings
from bridge.settings.settings import load
from tests.cli.cli_process import vod_bridge
from tests.rig.certificates import Authority, Pair
from tests.rig.parts import ROOT
from tests.rig.redis import RealRedis, Tls
from tests.rig.redis_topologies import SERVICE, RealCluster, RealSentinel
from tests.rig.secured import (
    PASSWORD,
    RULES,
    RULES_AT_SENTINELS,
    RULES_IN_A_CLUSTER,
    SecuredKafka,
    write_token,
)

_K = "BRIDGE_KAFKA__"
_TIMEOUT_S = 60
_LOGIN = f"bridge:{PASSWORD}@"


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    """Give an authority that no server knows."""
    authority = Authority("another")
    yield authority
    authority.remove()


async def _kafka_finding(settings: dict[str, str]) -> Finding:
    async with asyncio.timeout(_TIMEOUT_S):
        found = await check_kafka(kafka_options(load(None, settings).kafka), ["none"])
    return found[0]


async def _redis_finding(settings: RedisSettings, check: str = "") -> Finding:
    async with asyncio.timeout(_TIMEOUT_S):
        found = await check_redis(settings)
    return next(one for one in found if not check or one.check == check)


def _failure_text(finding: Finding) -> str:
    assert (finding.state, bool(finding.remedy)) == ("failed", True)
    return f"{finding.message}: {finding.remedy}"


def _client_files(pair: Pair) -> dict[str, str]:
    return {f"{_K}SSL_CERTFILE": str(pair.cert), f"{_K}SSL_KEYFILE": str(pair.key)}


@pytest.mark.parametrize(
    ("listener", "mechanism"),
    [
        ("TLS", ""),
        ("MUTUAL", ""),
        ("CLEAR", "PLAIN"),
        ("LOGIN", "PLAIN"),
        ("LOGIN", "SCRAM-SHA-256"),
        ("LOGIN", "SCRAM-SHA-512"),
        ("TOKEN", "OAUTHBEARER"),
    ],
)
async def test_a_kafka_that_accepts_the_login_is_ok(
    secured: SecuredKafka, listener: str, mechanism: str
) -> None:
    found = await _kafka_finding(secured.settings(listener, mechanism))
    assert (found.state, found.check) == ("ok", "kafka address")


async def test_what_is_wrong_with_a_kafkas_certificate_is_reported(
    secured: SecuredKafka, authority: Authority
) -> None:
    unknown = secured.settings("TLS") | {f"{_K}SSL_CAFILE": str(authority.ca)}
    assert "from an authority that is not trusted" in _failure_text(await _kafka_finding(unknown))
    assert f"{_K}SSL_CAFILE" in _failure_text(await _kafka_finding(unknown))
    outdated = _failure_text(await _kafka_finding(secured.settings("OUTDATED")))
    assert "its certificate is out of date" in outdated
    assert "renew the server's certificate" in outdated
    stranger = _failure_text(await _kafka_finding(secured.settings("STRANGER")))
    assert "its certificate is for another name" in stranger
    assert "127.0.0.1" in stranger


async def test_a_client_certificate_that_is_missing_or_not_accepted_is_reported(
    secured: SecuredKafka, authority: Authority
) -> None:
    mutual = secured.settings("MUTUAL")
    none = {name: value for name, value in mutual.items() if not name.endswith(("CERTFILE", "KEYFILE"))}
    text = _failure_text(await _kafka_finding(none))
    assert "it asks for a client certificate, and none is set" in text
    assert f"{_K}SSL_CERTFILE and {_K}SSL_KEYFILE" in text
    foreign = _failure_text(await _kafka_finding(mutual | _client_files(authority.sign("foreign"))))
    assert "does not accept the client certificate" in foreign
    late = _failure_text(
        await _kafka_finding(mutual | _client_files(secured.authority.sign("late", days=-1)))
    )
    assert "does not accept the client certificate" in late
    assert "is valid now" in late


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_wrong_password_at_kafka_is_reported(secured: SecuredKafka, mechanism: str) -> None:
    wrong = secured.settings("LOGIN", mechanism) | {f"{_K}SASL_PASSWORD": "wrong"}
    text = _failure_text(await _kafka_finding(wrong))
    assert "the login was refused" in text
    assert f"{_K}SASL_PASSWORD" in text


async def test_a_mechanism_that_kafka_does_not_offer_is_reported_with_those_it_does(
    secured: SecuredKafka,
) -> None:
    wrong = secured.settings("CLEAR", "PLAIN") | {f"{_K}SASL_MECHANISM": "SCRAM-SHA-256"}
    assert "does not offer SCRAM-SHA-256, but PLAIN" in _failure_text(await _kafka_finding(wrong))


async def test_an_expired_token_is_reported(secured: SecuredKafka) -> None:
    settings = secured.settings("TOKEN", "OAUTHBEARER")
    write_token(secured.folder, lives_s=-10)
    text = _failure_text(await _kafka_finding(settings))
    assert "the token was refused" in text
    assert f"{_K}SASL_TOKEN_FILE" in text


async def test_tls_and_logins_at_kafkas_wrong_port_are_reported(secured: SecuredKafka) -> None:
    def with_address(address: str, settings: dict[str, str]) -> dict[str, str]:
        return settings | {f"{_K}BOOTSTRAP_SERVERS": address}

    tls, login = secured.settings("TLS"), secured.settings("CLEAR", "PLAIN")
    address = secured.kafka.address
    assert "set it to SSL" in _failure_text(await _kafka_finding(with_address(address("TLS"), {})))
    assert "set it to SASL_SSL" in _failure_text(await _kafka_finding(with_address(address("LOGIN"), login)))
    assert "does not speak TLS on this port" in _failure_text(
        await _kafka_finding(with_address(secured.kafka.bootstrap, tls))
    )
    assert "it does not use a login" in _failure_text(
        await _kafka_finding(with_address(secured.kafka.bootstrap, login))
    )
    assert "it requires a login (PLAIN), and" in _failure_text(
        await _kafka_finding(with_address(address("CLEAR"), {}))
    )
    assert "set it to SASL_SSL" in _failure_text(await _kafka_finding(with_address(address("LOGIN"), tls)))


async def test_what_is_wrong_with_the_tls_of_redis_is_reported(authority: Authority) -> None:
    pair, client = authority.sign("redis"), authority.sign("client")
    server = RealRedis(tls=Tls(pair=pair, ca=authority.ca, mutual=True))
    other = Authority("unknown")
    own: dict[str, Any] = {"ssl_certfile": client.cert, "ssl_keyfile": client.key}
    try:
        server.start()
        good = RedisSettings(url=server.tls_url, ssl_cafile=authority.ca, **own)
        assert (await _redis_finding(good)).state == "ok"
        bare = _failure_text(await _redis_finding(RedisSettings(url=server.tls_url, ssl_cafile=authority.ca)))
        assert "it asks for a client certificate, and none is set" in bare
        assert "BRIDGE_REDIS__SSL_CERTFILE" in bare
        unknown = _failure_text(
            await _redis_finding(RedisSettings(url=server.tls_url, ssl_cafile=other.ca, **own))
        )
        assert "from an authority that is not trusted" in unknown
        assert "BRIDGE_REDIS__SSL_CAFILE" in unknown
        clear = server.tls_url.replace("rediss", "redis")
        assert "begin it with rediss://" in _failure_text(await _redis_finding(RedisSettings(url=clear)))
        plain = good.model_copy(update={"url": server.url.replace("redis:", "rediss:")})
        assert "begin it with redis://" in _failure_text(await _redis_finding(plain))
        for days, names, expected in (
            (-1, ["IP:127.0.0.1"], "its certificate is out of date"),
            (2, ["DNS:elsewhere.example"], "its certificate is for another name"),
        ):
            pair.become(authority.sign("worse", names, days))
            server.stop()
            server.start()
            assert expected in _failure_text(await _redis_finding(good))
    finally:
        server.remove()
        other.remove()


def test_the_commands_that_these_tests_grant_are_those_of_the_documentation() -> None:
    page = (ROOT / "docs" / "howto" / "redis.md").read_text(encoding="utf-8")
    assert [one for one in (RULES, RULES_IN_A_CLUSTER, RULES_AT_SENTINELS) if f"`{one}`" not in page] == []


@pytest.mark.parametrize("command", RULES.split())
@pytest.mark.services
async def test_each_command_that_redis_forbids_is_reported(command: str) -> None:
    # Left out, not taken away: Redis before 7 cannot take away one subcommand of several.
    granted = " ".join(rule for rule in RULES.split() if rule != command)
    user = f"bridge on >{PASSWORD} ~vod:* -@all {granted} +info"
    server = RealRedis(users=[user])
    server.start()
    try:
        settings = RedisSettings(url=server.url.replace("//", f"//{_LOGIN}"))
        found = await check_redis(settings)
    finally:
        server.remove()
    wrong = [one for one in found if one.state != "ok"]
    assert wrong
    assert all(command.removeprefix("+") in f"{one.message}{one.remedy}".lower() for one in wrong)


@pytest.mark.services
async def test_a_wrong_password_at_redis_is_reported() -> None:
    server = RealRedis(users=["default off", f"bridge on >{PASSWORD} ~* +@all"])
    server.start()
    try:
        url = server.url.replace("//", "//bridge@")
        wrong = _failure_text(await _redis_finding(RedisSettings(url=url, password=SecretStr("wrong"))))
        right = RedisSettings(url=url, password=SecretStr(PASSWORD))
        assert (await _redis_finding(right)).state == "ok"
    finally:
        server.remove()
    assert "the login was refused" in wrong
    assert "BRIDGE_REDIS__PASSWORD" in wrong


async def test_what_a_secured_cluster_and_secured_sentinels_refuse_is_reported(authority: Authority) -> None:
    tls = Tls(pair=authority.sign("nodes"), ca=authority.ca)
    other = Authority("unknown")
    user = f"bridge on >{PASSWORD} ~vod:* -@all {RULES}"
    cluster = RealCluster([f"{user} {RULES_IN_A_CLUSTER} -cluster"], tls)
    sentinel = RealSentinel([user], [f"bridge on >{PASSWORD} -@all +ping"], tls)
    sentinel_login: dict[str, Any] = {"sentinel_username": "bridge", "sentinel_password": SecretStr(PASSWORD)}
    try:
        cluster.start()
        url = cluster.tls_url.replace("//", f"//{_LOGIN}")
        denied = _failure_text(
            await _redis_finding(RedisSettings(url=url, cluster=True, ssl_cafile=authority.ca))
        )
        assert "+cluster|slots" in denied
        distrusted = _failure_text(
            await _redis_finding(RedisSettings(url=url, cluster=True, ssl_cafile=other.ca))
        )
        assert "from an authority that is not trusted" in distrusted
        sentinel.start()
        url = sentinel.tls_url.replace("//", f"//{_LOGIN}")
        settings = RedisSettings(url=url, sentinel_service=SERVICE, ssl_cafile=authority.ca, **sentinel_login)
        assert "+sentinel|masters" in _failure_text(await _redis_finding(settings))
    finally:
        cluster.remove()
        sentinel.remove()
        other.remove()


async def test_the_command_reports_it_and_exits_with_1(secured: SecuredKafka) -> None:
    wrong = secured.settings("LOGIN", "SCRAM-SHA-512") | {f"{_K}SASL_PASSWORD": "wrong"}
    result = await vod_bridge("check", settings=wrong | {"BRIDGE_REDIS__URL": "redis://127.0.0.1:1"})
    assert result.code == 1
    assert "the login was refused" in result.out
    assert "wrong" not in result.out.replace("was refused", "")
    assert "Traceback" not in result.out + result.err
