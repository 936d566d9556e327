"""Tests of the words a person types."""
