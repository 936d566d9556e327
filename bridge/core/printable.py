"""Makes text from outside safe to show on a terminal, in a log or on a page.

Control characters (C0, DEL, C1) move cursors and set clipboards; bidirectional overrides and separators show
another text than there is.
"""

import re

# Besides control characters: invisible and bidirectional ones, line and paragraph separators, and lone
# surrogates, which no encoding can write.
_HIDDEN = "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
_IN_JSON = re.compile(f"[\x7f-\x9f{_HIDDEN}]")  # what an encoder writes raw
_CONTROL = re.compile(f"[\x00-\x1f\x7f-\x9f{_HIDDEN}]")
_CONTROL_MULTILINE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_HIDDEN}]")


def printable(text: str, *, multiline: bool = False) -> str:
    """Replace every unsafe character with U+FFFD; ``multiline`` keeps line feeds and tabs."""
    return (_CONTROL_MULTILINE if multiline else _CONTROL).sub("\ufffd", text)


def json_escaped(text: str) -> str:
    """Write unsafe characters of a JSON text as Unicode escapes: the value stays the same."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def cut(text: str, most: int) -> str:
    """Return a text, or its beginning and … where it has more than ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
