"""A twin of the vendor for a laptop and for tests: what it sends, and the API that the bridge calls."""
