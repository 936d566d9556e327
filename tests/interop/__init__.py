"""Consumers and models in other languages, as the pages show them: `make interop`."""
