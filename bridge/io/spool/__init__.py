"""Keeps what Kafka cannot take now: an append-only log of segments on disk. What others use is named here."""

from bridge.io.spool.entry import SpoolEntry
from bridge.io.spool.folder import SpoolLockedError
from bridge.io.spool.room import SpoolLimits
from bridge.io.spool.spool import Spool

__all__ = ["SpoolEntry", "SpoolLockedError", "SpoolLimits", "Spool"]
