"""Tests of the twin of the vendor."""
