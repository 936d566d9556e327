"""The vendor's API: signed calls, the event queue that is pulled and confirmed, credentials."""
