"""Pure: bytes in, values out. Nothing here reads, writes, waits, or looks at a clock."""
