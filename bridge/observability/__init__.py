"""Metrics, logs and traces, and the masking of secrets in them."""
