"""Certificates, passwords and tokens are renewed while the program runs: no restart, and no event lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import secured_kafka
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited_id, new_task
from tests.end_to_end.secured import remembers, toml
from tests.end_to_end.senders import run_load, send, tasks_until
from tests.rig.certificates import Authority, Mount
from tests.rig.kafka import RealKafka
from tests.rig.program import Program
from tests.rig.redis import RealRedis, Tls
from tests.rig.secured import PASSWORD, USER, SecuredKafka, write_token
from tests.rig.waiting import eventually

_K = "BRIDGE_KAFKA__"
_R = "BRIDGE_REDIS__"
_TOKEN_LIVES_S = 5


@pytest.fixture(scope="module")
def secured(kafka: RealKafka) -> Iterator[SecuredKafka]:
    """Give one of this file's own: it is renewed."""
    yield from secured_kafka(kafka)


@asynccontextmanager
async def traffic(program: Program) -> AsyncIterator[list[str]]:
    """Let a few senders post all the while; each event is kept at once, in Kafka or in the spool."""
    enough, sent = asyncio.Event(), list[str]()

    async def one(task: str) -> str:
        assert (await send(program, task)).status in {200, 202}
        return task

    passing = asyncio.create_task(run_load(tasks_until(enough), one, at_once=2, results=sent))
    yield sent
    enough.set()
    await passing
    await eventually(lambda: empty(program), "the spool is empty")


async def empty(program: Program) -> bool:
    """Return whether nothing waits."""
    return await program.metric("vod_bridge_spool_records") == 0


async def publishes(program: Program) -> None:
    """Wait until Kafka takes events."""

    async def published() -> bool:
        return (await send(program, new_task() + "-probe")).outcome == "published"

    await eventually(published, "events are published")


def logged(program: Program, event: str) -> int:
    """Count the lines of its log of ``event``."""
    return sum(line.get("event") == event for line in program.log_lines())


async def restart(kafka: RealKafka) -> None:
    """End all of its connections."""
    await asyncio.to_thread(kafka.stop)
    await asyncio.to_thread(kafka.start)


@pytest.mark.long
async def test_kafkas_authority_and_our_certificate_are_renewed(
    secured: SecuredKafka, over_secured: Environment, tmp_path: Path
) -> None:
    mount = Mount(tmp_path)
    old = {"ca": secured.authority.ca, "cert": secured.client.cert, "key": secured.client.key}
    mount.put(old)
    files = {"SSL_CAFILE": "ca", "SSL_CERTFILE": "cert", "SSL_KEYFILE": "key"}
    named = {f"{_K}{setting}": str(mount.path(name)) for setting, name in files.items()}
    async with running(over_secured, secured.settings("MUTUAL") | named) as program, traffic(program) as sent:
        await publishes(program)
        # A key that is not the certificate's, as where only one of both is written yet.
        mount.put(old | {"key": secured.server.key})
        await restart(secured.kafka)
        await publishes(program)
        assert 1 <= logged(program, "certificate_reload_failed") <= 2  # or it saw half a swap
        secured.renew()
        client = secured.client
        mount.put({"ca": secured.authority.ca, "cert": client.cert, "key": client.key})
        await restart(secured.kafka)
        await publishes(program)
        assert logged(program, "certificates_renewed") == 1

    ids = {one for one in await over_secured.ids() if "-probe" not in one}
    assert ids == {edited_id(task) for task in sent}


async def test_the_authority_of_redis_and_our_certificate_are_renewed(
    environment: Environment, tmp_path: Path
) -> None:
    before, after = Authority("before"), Authority("after")
    (tmp_path / "mount").mkdir()
    mount, ca = Mount(tmp_path / "mount"), tmp_path / "trusted.pem"
    client, pair = before.sign("client"), before.sign("redis")
    ca.write_text(before.ca.read_text())
    server = RealRedis(tls=Tls(pair=pair, ca=ca, mutual=True))
    files = {"SSL_CAFILE": "ca", "SSL_CERTFILE": "cert", "SSL_KEYFILE": "key"}
    settings = {f"{_R}{setting}": str(mount.path(name)) for setting, name in files.items()}
    old = {"ca": before.ca, "cert": client.cert, "key": client.key}
    mount.put(old)
    try:
        server.start()
        async with running(environment, settings | {f"{_R}URL": server.tls_url}) as program:
            await eventually(lambda: remembers(program), "a delivery is remembered")
            mount.put(old | {"ca": "half of a certif"})

            async def complained() -> bool:
                server.command("CLIENT", "KILL", "TYPE", "normal")
                await send(program, new_task() + "-probe")
                return logged(program, "certificate_reload_failed") > 0

            await eventually(complained, "it reports that they cannot be used")
            server.command("CLIENT", "KILL", "TYPE", "normal")
            await eventually(lambda: remembers(program), "redeliveries are known with the old files")
            assert logged(program, "certificate_reload_failed") == 1
            pair.become(after.sign("redis"))
            ca.write_text(after.ca.read_text())
            server.stop()
            server.start()
            await eventually(lambda: forgets(program), "the old files are of no use")
            client = after.sign("client")
            mount.put({"ca": after.ca, "cert": client.cert, "key": client.key})
            await eventually(lambda: remembers(program), "redeliveries are known with the new ones")
            assert logged(program, "certificates_renewed") == 1
    finally:
        server.remove()
        before.remove()
        after.remove()


async def forgets(program: Program) -> bool:
    """Return whether Redis counts as down, and gives no response."""
    known = await remembers(program)
    return not known and await program.metric("vod_bridge_dedup_degraded") == 1


@pytest.mark.long
async def test_passwords_in_files_are_read_again_at_the_next_login(
    secured: SecuredKafka, over_secured: Environment, tmp_path: Path
) -> None:
    user = f"{USER}-2"
    kafka_secret, redis_secret = tmp_path / "kafka", tmp_path / "redis"
    for secret in (kafka_secret, redis_secret):
        secret.write_text(f"{PASSWORD}\n")
    server = RealRedis(users=[f"bridge on >{PASSWORD} ~* +@all"])
    settings = secured.settings("LOGIN", "SCRAM-SHA-512") | {f"{_K}SASL_USERNAME": user}
    settings[f"{_R}URL"] = server.url.replace("//", "//bridge@")
    del settings[f"{_K}SASL_PASSWORD"]
    # A file that TOML names is followed; what the environment names by _FILE may be read once.
    named = settings | {f"{_K}SASL_PASSWORD_FILE": str(kafka_secret), f"{_R}PASSWORD_FILE": str(redis_secret)}
    hidden = over_secured.settings.keys() & settings.keys()
    shown = {name: value for name, value in over_secured.settings.items() if name not in hidden}
    try:
        server.start()
        async with Program(shown | toml(named, tmp_path / "bridge.toml")) as program:
            await eventually(lambda: remembers(program), "a delivery is remembered")
            await asyncio.to_thread(secured.change_password, user, "another")
            server.command("ACL", "SETUSER", "bridge", "resetpass", ">another")
            for secret in (kafka_secret, redis_secret):
                secret.write_text("another\n")
            server.command("CLIENT", "KILL", "TYPE", "normal")
            async with traffic(program) as sent:
                await restart(secured.kafka)
                await publishes(program)
                await eventually(lambda: remembers(program), "redeliveries are known")
    finally:
        server.remove()

    ids = {one for one in await over_secured.ids() if "-probe" not in one}
    assert ids == {edited_id(task) for task in sent}


@pytest.mark.long
async def test_a_token_is_read_again_before_its_broker_ends_the_connection(
    secured: SecuredKafka, over_secured: Environment, tmp_path: Path
) -> None:
    settings = secured.settings("TOKEN", "OAUTHBEARER", tmp_path)
    write_token(tmp_path, lives_s=-10)
    async with running(over_secured, settings, wait_for="/livez") as program:
        assert (await send(program, new_task())).outcome == "spooled"
        async with renewing(tmp_path), traffic(program) as sent:
            await publishes(program)
            until = time.monotonic() + 2 * _TOKEN_LIVES_S
            await eventually(lambda: time.monotonic() > until, "tokens have run out")
            await publishes(program)

    ids = [one for one in await over_secured.ids() if "-probe" not in one]
    assert len(ids) == len(set(ids)) == len(sent) + 1


@asynccontextmanager
async def renewing(folder: Path) -> AsyncIterator[None]:
    """Renew a token that lives for a few seconds, long before it runs out."""
    enough = asyncio.Event()

    async def renew() -> None:
        while not enough.is_set():
            write_token(folder, lives_s=_TOKEN_LIVES_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), _TOKEN_LIVES_S / 10)

    work = asyncio.create_task(renew())
    yield
    enough.set()
    await work
