"""Decodes the bytes of a notification: envelope, format 3.0, legacy format, conformance to the catalogue."""
