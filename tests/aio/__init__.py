"""Tests of bridge.aio."""
