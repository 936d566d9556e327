"""What ``vod-bridge send`` knows and must not show: the SignKey, the application's token in the URL."""

import hashlib
import re
import time
from enum import StrEnum
from pathlib import Path

from bridge.cli.ending import USED_WRONGLY, fail
from bridge.cli.terminal import mask_secrets
from bridge.settings.errors import mask_url
from bridge.settings.secret_files import SecretFileError, read_secret

_SIGNED_FOR_S = 600


class SignIn(StrEnum):
    """Where a signature travels."""

    BODY = "body"
    QUERY = "query"


def sign_key_of(given: str, path: Path | None) -> str:
    """Give the SignKey, given or in a file, and mask it from now on. Both, or a bad file, end the command."""
    mask_secrets(given)
    if path is None:
        return given
    if given:
        fail("either --sign-key (VOD_SIGN_KEY) or --sign-key-file", USED_WRONGLY)
    try:
        key = read_secret(path)
    except OSError as error:
        fail(f"--sign-key-file {path}: cannot be read: {error.strerror}", USED_WRONGLY)
    except SecretFileError as error:
        fail(f"--sign-key-file {path}: {error}", USED_WRONGLY)
    mask_secrets(key)
    return key


def url_shown(url: str) -> str:
    """Show a URL without the login and without the application's token."""
    return re.sub(r"(/callbacks/+[^/?#]+/+)[^/?#]+", r"\1****", mask_url(url))


def signed(body: bytes, sign_key: str, sign_in: SignIn = SignIn.BODY) -> tuple[bytes, dict[str, str]]:
    """Sign a body; gives what to post, and the query. Without a key both are as they were."""
    if not sign_key:
        return body, {}
    t = str(int(time.time()) + _SIGNED_FOR_S)
    sign = hashlib.md5(f"{sign_key}{t}".encode(), usedforsecurity=False).hexdigest()
    text = body.strip()
    if sign_in is SignIn.QUERY or not (text.startswith(b"{") and text.endswith(b"}")):
        return body, {"sign": sign, "t": t}
    # Last of all keys: where the file carries an old signature, a reader takes the later one.
    comma = b"" if not text[1:-1].strip() else b","
    return text[:-1] + comma + f'"Sign":"{sign}","T":{t}}}'.encode(), {}
