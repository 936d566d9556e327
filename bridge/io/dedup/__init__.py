"""The dedup store in Redis: claims, leases and commits, batched into calls of one Lua script."""
