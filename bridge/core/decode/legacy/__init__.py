"""Translates bodies of the legacy format ("version": "4.0", "callback 2.0") to the shape of format 3.0.

`translation` is the entry point, and `typed` for bodies that conform: it derives structs from the tables
(`forms`). `rules` defines what a mapping table can express; `metadata`, `procedure`
and `event_types` are the tables; `apply` maps a body by them; `unmapped` finds results with no 3.0 field. No
digest, identity, outcome or conformance check here.
"""

from bridge.core.decode.legacy.translation import Translation, translate
from bridge.core.decode.legacy.typed import TypedTranslation, translate_typed
from bridge.core.decode.legacy.unmapped import SubtaskResult

__all__ = ["SubtaskResult", "Translation", "TypedTranslation", "translate", "translate_typed"]
