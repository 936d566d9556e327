"""The twin's own computation of all signatures, written from the vendor's documents.

It shares nothing with the rest of the bridge: two that agree by one mistake would prove nothing. Times are
the wall clock's.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from bridge.vendor_twin.queue import VendorError

SKEW_S = 300
_PUSH_VALID_S = 600
AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>[^/,]+)/(?P<date>\d{4}-\d\d-\d\d)/vod/tc3_request, "
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)

Keys = Mapping[str, tuple[str, str]]  # secret id -> secret key, token ("" for a lasting one)


def check_tc3(request: web.Request, body: bytes, keys: Keys) -> str:
    """Return the secret id that signed ``request``. Raises `VendorError`."""
    found = AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    if found is None or not {"content-type", "host"} <= set(found["names"].split(";")):
        raise VendorError("AuthFailure.InvalidAuthorization")
    key, token = _key(found["id"], keys)
    timestamp = request.headers.get("X-TC-Timestamp", "")
    _check_time(timestamp)
    if datetime.fromtimestamp(int(timestamp), UTC).date().isoformat() != found["date"]:
        raise VendorError("AuthFailure.SignatureFailure", "the date is not the timestamp's")
    names = found["names"].split(";")
    headers = "".join(f"{name}:{request.headers[name].strip().lower()}\n" for name in names)
    canonical = [request.method, "/", "", headers, found["names"], hashlib.sha256(body).hexdigest()]
    hashed = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{found['date']}/vod/tc3_request\n{hashed}"
    chain = b"TC3" + key.encode()
    for link in (found["date"], "vod", "tc3_request"):
        chain = hmac.new(chain, link.encode(), hashlib.sha256).digest()
    if hmac.new(chain, text.encode(), hashlib.sha256).hexdigest() != found["signature"]:
        raise VendorError("AuthFailure.SignatureFailure")
    if request.headers.get("X-TC-Token", "") != token:
        raise VendorError("AuthFailure.TokenFailure")
    return found["id"]


def check_v2(method: str, host: str, parameters: Mapping[str, str], keys: Keys) -> str:
    """Do the same for the v2 interface, over names and values that are decoded already."""
    missing = {"Action", "Nonce", "SecretId", "Timestamp", "Signature"} - parameters.keys()
    if missing:
        raise VendorError("AuthFailure", f"missing: {sorted(missing)}", 4100)
    key, token = _key(parameters["SecretId"], keys)
    _check_time(parameters["Timestamp"])
    signed = sorted((name, value) for name, value in parameters.items() if name != "Signature")
    text = f"{method}{host}/v2/index.php?" + "&".join(f"{name}={value}" for name, value in signed)
    kind = hashlib.sha256 if parameters.get("SignatureMethod") == "HmacSHA256" else hashlib.sha1
    ours = base64.b64encode(hmac.new(key.encode(), text.encode(), kind).digest()).decode()
    if ours != parameters["Signature"] or parameters.get("Token", "") != token:
        raise VendorError("AuthFailure.SignatureFailure", "", 4100)
    return parameters["SecretId"]


def _key(secret_id: str, keys: Keys) -> tuple[str, str]:
    if secret_id not in keys:
        raise VendorError("AuthFailure.SecretIdNotFound", "", 4100)
    return keys[secret_id]


def _check_time(timestamp: str) -> None:
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > SKEW_S:
        raise VendorError("AuthFailure.SignatureExpire", "", 4100)


def push_signature(sign_key: str) -> tuple[str, int]:
    """Return ``Sign`` and ``T`` of a push: MD5 of SignKey and T, which is its expiry, in unix seconds."""
    t = int(time.time()) + _PUSH_VALID_S
    return hashlib.md5(f"{sign_key}{t}".encode(), usedforsecurity=False).hexdigest(), t
