"""Bodies of the legacy format ("version": "4.0", "callback 2.0") in the shape of the 3.0 format.

`rules` says what a mapping can express, `metadata`, `procedure` and `successors` are the mapping as tables,
`apply` walks a body along them, `unplaced` finds the results that they have no place for, `translation` is
the way in. Digests, identity, outcome and the catalogue's
judgement over the result belong to others.
"""

from bridge.core.decode.legacy.translation import Translation, translate
from bridge.core.decode.legacy.unmapped import SubtaskResult

__all__ = ["SubtaskResult", "Translation", "translate"]
