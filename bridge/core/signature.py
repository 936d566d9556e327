"""Whether a delivery is from whom it claims: the vendor's `Sign` and `T` (§5).

The signature proves knowledge of the key for a time, not the body's integrity: one captured pair signs any
body until it is out of date, which is why its time is bounded on both sides. No clock here: the time is an
argument.
"""

from hashlib import md5
from hmac import compare_digest

from bridge.core.application import Application

LATE_S = 60
EARLY_S = 900
_TIME_DIGITS_MAX = 18

Proof = tuple[str, str]


def verdict(application: Application, body_proof: Proof, query_proof: Proof, now_s: int) -> str | None:
    """Tell why a delivery is not accepted, or None where it is.

    A proof is (sign, t), empty texts for what is absent. The body's counts first, else the query's; both
    texts come from one place.
    """
    if not application.sign_keys:
        return None
    sign, t = body_proof if all(body_proof) else query_proof
    if not (sign and t):
        if any(body_proof) or any(query_proof):
            return "malformed"
        return "missing" if application.signature_required else None
    if not (t.isascii() and t.isdigit() and len(t) <= _TIME_DIGITS_MAX):
        return "malformed"
    return _out_of_date(int(t), now_s) if _signed_by_any(application.sign_keys, sign, t) else "wrong"


def _out_of_date(t: int, now_s: int) -> str | None:
    if t < now_s - LATE_S:
        return "expired"
    return "too_far_ahead" if t > now_s + EARLY_S else None


def _signed_by_any(keys: tuple[str, ...], sign: str, t: str) -> bool:
    given = sign.lower().encode("utf-8", "replace")
    # Every key is tried, also after a match: how long it takes tells nothing of which one is in force.
    matches = [
        compare_digest(md5(f"{key}{t}".encode(), usedforsecurity=False).hexdigest().encode(), given)
        for key in keys
    ]
    return any(matches)
