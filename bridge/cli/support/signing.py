"""The secrets of ``vod-bridge send``: the SignKey, and the application's token in the URL."""

import hashlib
import re
import time
from enum import StrEnum
from pathlib import Path

from bridge.cli.support.exit import EXIT_USAGE, fail
from bridge.cli.support.terminal import mask_secrets
from bridge.settings.errors import mask_url
from bridge.settings.secret_files import SecretFileError, read_secret

_SIGNATURE_VALID_S = 600


class SignatureLocation(StrEnum):
    """Where the signature is sent."""

    BODY = "body"
    QUERY = "query"


def load_sign_key(typed_key: str, path: Path | None) -> str:
    """Return the SignKey, typed or from a file, and mask it. Both, or a bad file, end the command."""
    mask_secrets(typed_key)
    if path is None:
        return typed_key
    if typed_key:
        fail("either --sign-key (VOD_SIGN_KEY) or --sign-key-file", EXIT_USAGE)
    try:
        key = read_secret(path)
    except OSError as error:
        fail(f"--sign-key-file {path}: cannot be read: {error.strerror}", EXIT_USAGE)
    except SecretFileError as error:
        fail(f"--sign-key-file {path}: {error}", EXIT_USAGE)
    mask_secrets(key)
    return key


def mask_callback_url(url: str) -> str:
    """Return a URL without the login and without the application's token."""
    return re.sub(r"(/callbacks/+[^/?#]+/+)[^/?#]+", r"\1****", mask_url(url))


def sign_body(
    body: bytes, sign_key: str, sign_in: SignatureLocation = SignatureLocation.BODY
) -> tuple[bytes, dict[str, str]]:
    """Sign a body; return the body to post, and the query. Without a key both are unchanged."""
    if not sign_key:
        return body, {}
    t = str(int(time.time()) + _SIGNATURE_VALID_S)
    sign = hashlib.md5(f"{sign_key}{t}".encode(), usedforsecurity=False).hexdigest()
    text = body.strip()
    if sign_in is SignatureLocation.QUERY or not (text.startswith(b"{") and text.endswith(b"}")):
        return body, {"sign": sign, "t": t}
    # The last key: where the file has an old signature, parsers take the later one.
    comma = b"" if not text[1:-1].strip() else b","
    return text[:-1] + comma + f'"Sign":"{sign}","T":{t}}}'.encode(), {}
