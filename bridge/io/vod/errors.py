"""The errors of calls to the vendor. Their texts hold no secret and are short enough for a log line."""

from bridge.io.vod.account import Credential

_MAX_TEXT_CHARS = 300


class ApiError(Exception):
    """The vendor responded with an error: ``code`` is its code, ``text`` is for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class TransportError(Exception):
    """No response, or an invalid one. A call without a response may have been carried out."""


def truncate(text: str) -> str:
    """Return the beginning of a foreign text, printable, short enough for a log line."""
    return "".join(char if char.isprintable() else " " for char in text[:_MAX_TEXT_CHARS])


def make_api_error(code: str, text: str, credential: Credential) -> ApiError:
    """Return the vendor's error without the secrets that it may have repeated."""
    return ApiError(truncate(credential.redact(code)), truncate(credential.redact(text)))
