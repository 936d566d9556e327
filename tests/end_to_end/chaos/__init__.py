"""The proof: a vendor's load, faults on the real processes, and an audit that explains every record."""
