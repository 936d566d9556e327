"""The result of a diagnosis: a problem and its remedy."""

from msgspec import Struct

RESPONSE_TIMEOUT_S = 5.0
"""Limit of each step of a diagnosis: connect, handshake, one request."""


class Problem(Struct, frozen=True, kw_only=True):
    """Why a server or a port cannot be used, and the remedy; both for a person to read."""

    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}"
