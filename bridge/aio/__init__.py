"""Three asyncio primitives that know nothing of notifications: a promise, an inline task, a supervisor."""
