"""The vendor's API by way of a forward proxy, as the usual variables name it; its login is never told."""

import asyncio
import ssl
import time
import traceback
from collections.abc import Callable

import aiohttp
import pytest
import uvloop
from pydantic import SecretStr

from bridge.io.vod.api import VodApi
from bridge.io.vod.errors import TransportError
from bridge.io.vod.event_queue import PulledEvent
from bridge.io.vod.forward_proxy import proxy_for
from bridge.operations.check.vendor import check_vendor
from bridge.settings.apps import AppSettings
from bridge.vendor_twin.server import Vendor
from bridge.wiring import vendor_account
from tests.rig.certificates import Authority
from tests.rig.forward_proxy import ForwardProxy
from tests.rig.parts import free_port

KEY_ID, KEY = "AKIDproxied", "s3cret-key"
LOGIN = "user:p@ss w0rd"
IN_URL = "us%65r:p%40ss%20w0rd"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def _settings(url: str) -> AppSettings:
    return AppSettings.model_validate(
        {
            "mode": "pull",
            "secret_id": SecretStr(KEY_ID),
            "secret_key": SecretStr(KEY),
            "endpoint": url,
        }
    )


async def _pull(url: str, trusted: ssl.SSLContext | None = None) -> list[PulledEvent]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted or True)) as session:
        return await VodApi(vendor_account(_settings(url)), session, time.time).pull()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_events_are_pulled_through_a_tunnel_for_https(
    loop: Callable[[], asyncio.AbstractEventLoop], authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = authority.sign("vendor")
    client_context, server_context = (
        ssl.create_default_context(cafile=authority.ca),
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )
    server_context.load_cert_chain(pair.cert, pair.key)

    async def scenario() -> None:
        async with Vendor(tls=server_context) as vendor, ForwardProxy(LOGIN) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{IN_URL}@127.0.0.1:{proxy.port}")
            vendor.add(KEY_ID, KEY).put(b'{"EventType":"A"}')
            assert len(await _pull(vendor.url, client_context)) == 1
            assert proxy.tunnels == [vendor.url.removeprefix("https://")]

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


async def test_an_endpoint_of_http_is_asked_for_by_its_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Vendor() as vendor, ForwardProxy(LOGIN) as proxy:
        monkeypatch.setenv("http_proxy", f"{IN_URL}@127.0.0.1:{proxy.port}")
        vendor.add(KEY_ID, KEY).put(b'{"EventType":"A"}')
        assert len(await _pull(vendor.url)) == 1
        assert proxy.urls == [f"{vendor.url}/"]


async def test_what_no_proxy_names_is_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Vendor() as vendor, ForwardProxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.1")
        vendor.add(KEY_ID, KEY).put(b'{"EventType":"A"}')
        assert len(await _pull(vendor.url)) == 1
        assert proxy.urls == []


async def test_a_netrc_does_not_stop_the_calls(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with Vendor() as vendor, ForwardProxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        vendor.add(KEY_ID, KEY).put(b'{"EventType":"A"}')
        assert len(await _pull(vendor.url)) == 1
        assert len(proxy.urls) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_cannot_be_used_is_named_without_its_login(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = []
    async with ForwardProxy("another:login") as proxy:
        for port in (proxy.port, free_port()):
            monkeypatch.setenv("HTTP_PROXY", f"http://user:passw0rd@127.0.0.1:{port}")
            monkeypatch.setenv("HTTPS_PROXY", f"http://user:passw0rd@127.0.0.1:{port}")
            with pytest.raises(TransportError) as error:
                await _pull(f"{scheme}://vod.example.org")
            text = "".join(traceback.format_exception(error.value)) + repr(error.value.__context__)
            assert "passw0rd" not in text
            assert f"vod.example.org (by the proxy 127.0.0.1:{port}): " in str(error.value)
            messages.append(str(error.value))
    if scheme == "https":
        assert "the proxy refuses the way there with status 407" in messages[0]
    assert "the proxy cannot be reached: ClientProxyConnectionError" in messages[1]


@pytest.mark.parametrize("url", ["socks5://user:passw0rd@proxy:1080", "http://proxy:port", "http://"])
async def test_a_proxy_of_another_kind_is_refused_and_nothing_is_sent_directly(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", url)
    assert "passw0rd" not in repr(proxy_for("http://x"))
    async with Vendor() as vendor:
        vendor.add(KEY_ID, KEY).put(b'{"EventType":"A"}')
        with pytest.raises(TransportError, match="prox") as error:
            await _pull(vendor.url)
        assert "passw0rd" not in str(error.value)


async def test_check_reports_that_a_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Vendor() as vendor, ForwardProxy(LOGIN) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{IN_URL}@127.0.0.1:{proxy.port}")
        vendor.add(KEY_ID, KEY)
        found = await check_vendor({"shop": _settings(vendor.url)})
    messages = {one.check: one.message for one in found}
    assert messages["vendor proxy"].startswith(f"shop: asked by way of the proxy 127.0.0.1:{proxy.port} ")
    assert "p@ss" not in str(found)
    assert "p%40ss" not in str(found)
