"""Traces by OpenTelemetry, where the extra is installed and the environment asks for them."""
