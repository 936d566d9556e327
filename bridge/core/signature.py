"""Whether a delivery is from whom it claims: the vendor's `Sign` and `T` (vod-domain §5).

The signature proves knowledge of the key for a time, not the body's integrity: one captured pair signs any
body until it is out of date, which is why its time is bounded on both sides. No clock here: the time is an
argument.
"""

from hashlib import md5
from hmac import compare_digest

import msgspec
from msgspec import Raw, Struct

from bridge.core.application import Application
from bridge.core.decode.json_values import NULL, is_null
from bridge.core.decode.surrogates import mask_surrogate_escapes

MAX_LATE_S = 60
MAX_EARLY_S = 900
_TIME_DIGITS_MAX = 18

SignatureParams = tuple[str, str]
NO_SIGNATURE: SignatureParams = ("", "")

BOM = b"\xef\xbb\xbf"

# 32 digits, each written as an escape, are shorter.
_SIGNATURE_BYTES_MAX = 256
_TOO_LONG = "(too long)"

_text = msgspec.json.Decoder(str).decode


class _Members(Struct, gc=False):
    """The signature members of a body. msgspec skips all others, at about 1 GB/s."""

    Sign: Raw = NULL
    T: Raw = NULL


_members = msgspec.json.Decoder(_Members).decode


def read_signature_params(body: bytes) -> SignatureParams:
    """Return (Sign, T) of a body without decoding its other members.

    Of duplicate keys the last one counts. Empty texts where there is none, or the body is no JSON object.
    """
    try:
        found = _decode_members(body)
        return signature_text(found.Sign), signature_text(found.T)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NO_SIGNATURE


def _decode_members(body: bytes) -> _Members:
    start = len(BOM) if body.startswith(BOM) else 0
    try:
        return _members(memoryview(body)[start:] if start else body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        other = mask_surrogate_escapes(body)
        if other is body:
            raise
        return _members(memoryview(other)[start:])


def signature_text(raw: Raw) -> str:
    """Return Sign or T as text; a value that is no string as its JSON text, which matches no signature."""
    if is_null(raw):
        return ""
    if len(raw) > _SIGNATURE_BYTES_MAX:
        return _TOO_LONG
    written = bytes(raw)
    return _text(raw) if written.startswith(b'"') else written.decode()


def check_signature(
    application: Application, body_params: SignatureParams, query_params: SignatureParams, now_s: int
) -> str | None:
    """Return why a delivery is not accepted, or None where it is.

    ``body_params`` and ``query_params`` are (sign, t) with empty texts for absent ones; the body's pair is
    used if complete, else the query's. ``now_s`` is in unix seconds. Reasons: missing, malformed, wrong,
    expired, too_far_ahead.
    """
    if not application.sign_keys:
        return None
    sign, t = body_params if all(body_params) else query_params
    if not (sign and t):
        if any(body_params) or any(query_params):
            return "malformed"
        return "missing" if application.signature_required else None
    if not (t.isascii() and t.isdigit() and len(t) <= _TIME_DIGITS_MAX):
        return "malformed"
    return _out_of_date(int(t), now_s) if _signed_by_any(application.sign_keys, sign, t) else "wrong"


def _out_of_date(t: int, now_s: int) -> str | None:
    if t < now_s - MAX_LATE_S:
        return "expired"
    return "too_far_ahead" if t > now_s + MAX_EARLY_S else None


def _signed_by_any(keys: tuple[str, ...], sign: str, t: str) -> bool:
    given = sign.lower().encode("utf-8", "replace")
    # Every key is tried, also after a match: the time taken does not reveal which key matched.
    matches = [
        compare_digest(md5(f"{key}{t}".encode(), usedforsecurity=False).hexdigest().encode(), given)
        for key in keys
    ]
    return any(matches)
