"""Keeps what Kafka cannot take now: an append-only log of segments on disk. What others use is named here."""

from bridge.io.spool.entry import Entry
from bridge.io.spool.folder import InUse
from bridge.io.spool.room import Limits
from bridge.io.spool.spool import Spool

__all__ = ["Entry", "InUse", "Limits", "Spool"]
