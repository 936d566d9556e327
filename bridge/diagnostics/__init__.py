"""Finds why Kafka or Redis cannot be used, and the remedy: for `vod-bridge check` and for the log."""
