"""Tests of `bridge.mcp_server`."""
