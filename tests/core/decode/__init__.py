"""Tests of bridge.core.decode."""
