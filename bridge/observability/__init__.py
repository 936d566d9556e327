"""What is counted, logged and traced, and how secrets are masked in it."""
