"""Bytes of a notification to decoded values: envelope, the 3.0 format, the legacy format, conformance."""
