"""Tests of bridge.observability."""
