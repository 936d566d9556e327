"""The consumers that `schemas/README.md` shows, in other languages, on real records: `make interop`."""
