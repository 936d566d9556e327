"""The core's tests: bytes in, values out."""
