"""Both signatures are the vendor's own: held against its SDK, function by function and over the wire."""

import asyncio
import time
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.io.vod.account import Account, Credential
from bridge.io.vod.api import VodApi
from bridge.io.vod.errors import ApiError
from bridge.io.vod.signing import V2_PATH, tc3_headers, v2_query
from bridge.vendor_twin.server import Vendor

# The SDK brings no types; imported as a statement it would need a line in the project's settings.
SDK_CLIENT = import_module("tencentcloud.common.abstract_client").AbstractClient
SDK_COMMON = import_module("tencentcloud.common.common_client").CommonClient
SDK_ERROR = import_module(
    "tencentcloud.common.exception.tencent_cloud_sdk_exception"
).TencentCloudSDKException
SDK_CREDENTIAL = import_module("tencentcloud.common.credential").Credential
SDK_SIGN = import_module("tencentcloud.common.sign").Sign
SDK_PROFILE = import_module("tencentcloud.common.profile.client_profile").ClientProfile
SDK_HTTP = import_module("tencentcloud.common.profile.http_profile").HttpProfile

NAMES = st.text("abcXYZ0189.-", min_size=1, max_size=30)
TIMES = st.floats(min_value=0, max_value=4e9)


def sdk(endpoint: str, credential: Credential, sign: str = "TC3-HMAC-SHA256") -> Any:  # noqa: ANN401 - untyped
    http = SDK_HTTP(protocol="http", endpoint=endpoint, reqMethod="POST", reqTimeout=60)
    key = SDK_CREDENTIAL(credential.secret_id, credential.secret_key, credential.token or None)
    return SDK_COMMON("vod", "2018-07-17", key, "", SDK_PROFILE(sign, http))


@given(NAMES, NAMES, NAMES, st.binary(max_size=200), TIMES)
def test_any_call_is_signed_as_the_sdk_signs_it(
    secret_id: str, secret_key: str, host: str, body: bytes, at_s: float
) -> None:
    headers = tc3_headers(Credential(secret_id, secret_key), host, "PullEvents", body, at_s)
    sdk_request = SimpleNamespace(uri="/", data=body, method="POST", header=headers)
    date = datetime.fromtimestamp(int(at_s), UTC).strftime("%Y-%m-%d")
    signature = SDK_CLIENT._get_tc3_signature(None, {}, sdk_request, date, "vod", secret_key)  # noqa: SLF001
    assert headers["Authorization"] == (
        f"TC3-HMAC-SHA256 Credential={secret_id}/{date}/vod/tc3_request, "
        f"SignedHeaders=content-type;host, Signature={signature}"
    )


@given(NAMES, NAMES, st.dictionaries(NAMES, st.text(max_size=20), max_size=17), TIMES)
def test_any_v2_call_is_signed_as_the_sdk_signs_it(
    secret_id: str, secret_key: str, parameters: dict[str, str], at_s: float
) -> None:
    credential = Credential(secret_id, secret_key)
    signed = v2_query(credential, "vod.api.qcloud.com", parameters, at_s, 7)
    client = sdk("vod.api.qcloud.com", credential, sign="HmacSHA256")
    client._requestPath = V2_PATH  # noqa: SLF001 - the SDK's own is the newer interface's
    text = client._format_sign_string({name: signed[name] for name in signed if name != "Signature"})  # noqa: SLF001
    assert signed["Signature"] == SDK_SIGN.sign(secret_key, text, "HmacSHA256")


def test_a_temporary_key_sends_its_token_and_a_lasting_one_none() -> None:
    lasting, temporary = Credential("id", "key"), Credential("id", "key", "t0ken")
    assert tc3_headers(temporary, "h", "A", b"", 1)["X-TC-Token"] == temporary.token
    assert "X-TC-Token" not in tc3_headers(lasting, "h", "A", b"", 1)
    assert v2_query(temporary, "h", {}, 1, 1)["Token"] == temporary.token
    assert "Token" not in v2_query(lasting, "h", {}, 1, 1)


async def test_the_fake_takes_the_sdks_calls_and_ours_alike() -> None:
    credential = Credential("AKIDsdk", "sdk-key", "t0ken")
    async with Vendor() as vendor, aiohttp.ClientSession() as session:
        app = vendor.add("AKIDsdk", "sdk-key", sub_app_id=15, token="t0ken")
        app.behaviour.poll_s, app.behaviour.empty = 0, "null"
        client = sdk(vendor.url.removeprefix("http://"), credential)
        theirs = await asyncio.to_thread(client.call_json, "PullEvents", {"SubAppId": 15})
        assert theirs["Response"]["EventSet"] is None
        account = Account(endpoint=vendor.url, sub_app_id=15, credential=lambda: credential)
        assert await VodApi(account, session, time.time).pull() == []
        assert app.ledger.outcomes("PullEvents") == {"ok": 2}


async def test_the_fake_refuses_the_sdk_with_a_wrong_key_as_it_refuses_us() -> None:
    wrong = Credential("AKIDsdk", "wrong")
    async with Vendor() as vendor, aiohttp.ClientSession() as session:
        vendor.add("AKIDsdk", "sdk-key")
        client = sdk(vendor.url.removeprefix("http://"), wrong)
        with pytest.raises(SDK_ERROR, match=r"AuthFailure\.SignatureFailure"):
            await asyncio.to_thread(client.call_json, "PullEvents", {})
        account = Account(endpoint=vendor.url, credential=lambda: wrong)
        with pytest.raises(ApiError, match=r"AuthFailure\.SignatureFailure"):
            await VodApi(account, session, time.time).pull()
