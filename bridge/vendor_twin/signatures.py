"""The fake vendor's own computation of both signatures, written from the vendor's documents.

It shares nothing with the bridge: two that agree by one mistake would prove nothing. Times are the wall's.
"""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from tests.rig.vendor.queue import Reply

SKEW_S = 300
AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>[^/,]+)/(?P<date>\d{4}-\d\d-\d\d)/vod/tc3_request, "
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)

Keys = Mapping[str, tuple[str, str]]  # secret id -> secret key, token ("" for a lasting one)


def check_tc3(request: web.Request, body: bytes, keys: Keys) -> str:
    """Give the secret id that signed ``request``, or say what the vendor says."""
    found = AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    if found is None or not {"content-type", "host"} <= set(found["names"].split(";")):
        raise Reply("AuthFailure.InvalidAuthorization")
    key, token = _key(found["id"], keys)
    said_at = request.headers.get("X-TC-Timestamp", "")
    _check_time(said_at)
    if datetime.fromtimestamp(int(said_at), UTC).date().isoformat() != found["date"]:
        raise Reply("AuthFailure.SignatureFailure", "the date is not the timestamp's")
    names = found["names"].split(";")
    headers = "".join(f"{name}:{request.headers[name].strip().lower()}\n" for name in names)
    canonical = [request.method, "/", "", headers, found["names"], hashlib.sha256(body).hexdigest()]
    hashed = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{said_at}\n{found['date']}/vod/tc3_request\n{hashed}"
    chain = b"TC3" + key.encode()
    for link in (found["date"], "vod", "tc3_request"):
        chain = hmac.new(chain, link.encode(), hashlib.sha256).digest()
    if hmac.new(chain, text.encode(), hashlib.sha256).hexdigest() != found["signature"]:
        raise Reply("AuthFailure.SignatureFailure")
    if request.headers.get("X-TC-Token", "") != token:
        raise Reply("AuthFailure.TokenFailure")
    return found["id"]


def check_v2(method: str, host: str, parameters: Mapping[str, str], keys: Keys) -> str:
    """Do the same for v2, over names and values that are decoded already."""
    missing = {"Action", "Nonce", "SecretId", "Timestamp", "Signature"} - parameters.keys()
    if missing:
        raise Reply("AuthFailure", f"missing: {sorted(missing)}", 4100)
    key, token = _key(parameters["SecretId"], keys)
    _check_time(parameters["Timestamp"])
    said = sorted((name, value) for name, value in parameters.items() if name != "Signature")
    text = f"{method}{host}/v2/index.php?" + "&".join(f"{name}={value}" for name, value in said)
    kind = hashlib.sha256 if parameters.get("SignatureMethod") == "HmacSHA256" else hashlib.sha1
    ours = base64.b64encode(hmac.new(key.encode(), text.encode(), kind).digest()).decode()
    if ours != parameters["Signature"] or parameters.get("Token", "") != token:
        raise Reply("AuthFailure.SignatureFailure", "", 4100)
    return parameters["SecretId"]


def _key(secret_id: str, keys: Keys) -> tuple[str, str]:
    if secret_id not in keys:
        raise Reply("AuthFailure.SecretIdNotFound", "", 4100)
    return keys[secret_id]


def _check_time(said: str) -> None:
    if not said.isdigit() or abs(time.time() - int(said)) > SKEW_S:
        raise Reply("AuthFailure.SignatureExpire", "", 4100)
