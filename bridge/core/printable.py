"""Text that came from outside, as it may stand on a terminal, in a log or on a page.

Control characters (C0, DEL, C1) move cursors and set clipboards; bidirectional overrides and separators show
another text than there is.
"""

import re

# Beside the controls: what is invisible or turns the direction of writing, line and paragraph separators,
# lone surrogates (which no encoding can write).
_HIDDEN = "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
_IN_JSON = re.compile(f"[\x7f-\x9f{_HIDDEN}]")  # what an encoder writes raw
_CONTROL = re.compile(f"[\x00-\x1f\x7f-\x9f{_HIDDEN}]")
_CONTROL_MULTILINE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_HIDDEN}]")


def printable(text: str, *, multiline: bool = False) -> str:
    """Replace every such character by U+FFFD; with ``lines`` line feeds and tabs stay."""
    return (_CONTROL_MULTILINE if multiline else _CONTROL).sub("\ufffd", text)


def json_escaped(text: str) -> str:
    """Write such characters of a JSON text as their escapes: the same value, in harmless characters."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
