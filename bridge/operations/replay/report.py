"""What a replay did, or would do: counted, and reported while it goes on."""

from collections import Counter
from typing import Protocol

import msgspec
from msgspec import Struct

SUCCESSFUL = frozenset({"published", "duplicate"})
TOO_SOON = "came again too soon"


class ReplaySummary(Struct, kw_only=True):
    """Counts of ``unit`` by outcome. The JSON names are part of the public interface.

    ``skipped`` counts what was left untouched, by reason. ``stop_reason`` is why it could not continue,
    ``resume_hint`` how to resume, ``note`` what else a reader must know. In a dry run the outcomes are
    predictions.
    """

    unit: str = msgspec.field(name="what")
    dry_run: bool
    processed: int = msgspec.field(name="looked_at", default=0)
    outcomes: Counter[str] = msgspec.field(name="endings", default_factory=Counter)
    types: Counter[str] = msgspec.field(default_factory=Counter)
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    skipped: Counter[str] = msgspec.field(name="left", default_factory=Counter)
    seconds: float = 0.0
    stop_reason: str = msgspec.field(name="stopped", default="")
    resume_hint: str = msgspec.field(name="again", default="")
    note: str = ""

    def count(self, result: "ItemResult") -> None:
        """Count one item."""
        self.processed += 1
        self.outcomes[result.outcome] += 1
        if result.type:
            self.types[result.type] += 1
        if result.reason:
            self.reasons[result.reason] += 1

    @property
    def is_successful(self) -> bool:
        """Whether nothing is left to do."""
        return not self.stop_reason and set(self.outcomes) <= SUCCESSFUL


class ItemResult(Struct, frozen=True):
    """The outcome of one item, or its prediction; ``name`` is its id, or its reason and detail."""

    origin: str
    outcome: str
    type: str = ""
    reason: str = ""
    name: str = ""


class Reporter(Protocol):
    """Gets what a replay does, item by item."""

    summary: ReplaySummary

    def set_total(self, total: int | None) -> None:
        """Set the number of items."""

    def add_result(self, result: ItemResult) -> None:
        """Count one, and show it where that is useful."""

    def set_done(self, done: int) -> None:
        """Set the number of items done."""
