"""A vendor on this machine: the API that the bridge calls, with its queue and its faults."""
