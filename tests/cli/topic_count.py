"""How many topics the bridge needs by default: no test counts the event types a second time."""

from bridge.core.catalogue import EVENT_TYPES

TOPICS = len(EVENT_TYPES) + len(("vod.other", "vod.dead-letter"))
