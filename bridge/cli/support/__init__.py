"""Helpers that several commands share: rendering, exit codes, Kafka's admin calls, input files."""
