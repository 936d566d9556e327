"""How a call is signed: TC3-HMAC-SHA256 for API 2018-07-17, sorted parameters for v2. Pure.

The tests hold both against the vendor's SDK.
"""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from hmac import digest

from bridge.io.vod.account import Credential

V2_PATH = "/v2/index.php"

_API_VERSION = "2018-07-17"
_SERVICE = "vod"
_CONTENT_TYPE = "application/json"
_SIGNED_HEADERS = "content-type;host"


def tc3_headers(credential: Credential, host: str, action: str, body: bytes, at_s: float) -> dict[str, str]:
    """Give the headers with which ``body`` is posted to ``/`` of ``host``."""
    date = datetime.fromtimestamp(int(at_s), UTC).strftime("%Y-%m-%d")
    scope = f"{date}/{_SERVICE}/tc3_request"
    signed = f"content-type:{_CONTENT_TYPE}\nhost:{host}\n"
    request = f"POST\n/\n\n{signed}\n{_SIGNED_HEADERS}\n{sha256(body).hexdigest()}"
    text = f"TC3-HMAC-SHA256\n{int(at_s)}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    signature = _hmac_sha256(_signing_key(credential, date), text).hex()
    headers = {
        "Authorization": f"TC3-HMAC-SHA256 Credential={credential.secret_id}/{scope}, "
        f"SignedHeaders={_SIGNED_HEADERS}, Signature={signature}",
        "Content-Type": _CONTENT_TYPE,
        "Host": host,
        "X-TC-Action": action,
        "X-TC-Language": "en-US",
        "X-TC-Timestamp": str(int(at_s)),
        "X-TC-Version": _API_VERSION,
    }
    return headers | ({"X-TC-Token": credential.token} if credential.token else {})


def v2_query(
    credential: Credential, host: str, parameters: Mapping[str, str], at_s: float, nonce: int
) -> dict[str, str]:
    """Give all parameters of a signed POST, the signature among them; they are not encoded yet."""
    signed = {
        **parameters,
        "Nonce": str(nonce),
        "SecretId": credential.secret_id,
        "SignatureMethod": "HmacSHA256",
        "Timestamp": str(int(at_s)),
    }
    if credential.token:
        signed["Token"] = credential.token
    query = "&".join(f"{name}={value}" for name, value in sorted(signed.items()))
    signature = _hmac_sha256(credential.secret_key.encode(), f"POST{host}{V2_PATH}?{query}")
    return signed | {"Signature": b64encode(signature).decode("ascii")}


def _signing_key(credential: Credential, date: str) -> bytes:
    key = _hmac_sha256(f"TC3{credential.secret_key}".encode(), date)
    return _hmac_sha256(_hmac_sha256(key, _SERVICE), "tc3_request")


def _hmac_sha256(key: bytes, text: str) -> bytes:
    return digest(key, text.encode(), "sha256")
