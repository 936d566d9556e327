"""Tests of what touches the outside world, each against the real thing."""
