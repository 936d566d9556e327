"""Three primitives of asyncio that know nothing of notifications: a promise, an inline task, a supervisor."""
