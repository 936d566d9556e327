"""The spool: an append-only log of segments on disk for records that Kafka cannot take now."""

from bridge.io.spool.directory import SpoolLockedError
from bridge.io.spool.entry import SpoolEntry
from bridge.io.spool.quota import SpoolLimits
from bridge.io.spool.spool import Spool

__all__ = ["Spool", "SpoolEntry", "SpoolLimits", "SpoolLockedError"]
