"""`once`: do the work of an event once, with Redis or Postgres as the memory of what was done."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import uuid4

from bridge.consumer.errors import InProgressError

POSTGRES_TABLE = (
    "CREATE TABLE IF NOT EXISTS vod_events_done"
    " (id text PRIMARY KEY, done_at timestamptz NOT NULL DEFAULT now())"
)
"""Creates the table that `once` uses; run it with your migrations."""

_LEASE_S = 300
_KEEP_S = 14 * 24 * 3600
_PREFIX = "vod-event-done:"
_DONE = b"done"
# The owner alone may settle its lease: another one may have it by now.
_SETTLE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


def once(
    event_id: str,
    connection: Any,  # noqa: ANN401 - of one of several libraries
    *,
    group: str = "",
    lease_s: int = _LEASE_S,
    keep_s: int = _KEEP_S,
) -> AbstractAsyncContextManager[bool]:
    """Give True for the first time, False where the work of this event was done before.

    ::

        async with once(event.id, connection) as is_first:
            if is_first:
                await connection.execute("UPDATE files SET ...")

    ``connection`` is one of **Postgres** (asyncpg's, or psycopg's `AsyncConnection`) or a client of **Redis**
    (`redis.asyncio`). ``group`` says whose work it is: two groups that share a database and give the same
    one, or none, do the work of an event once *together*, and one of them never sees it as the first.

    With Postgres the body is one transaction, and the mark is a row in it (`POSTGRES_TABLE`): both are there
    or none, whatever happens. A second process with the same event waits for the first one's transaction.
    Inside a transaction of your own both last only once that is committed; a psycopg connection without
    ``autocommit=True`` begins one with its first statement.

    With Redis the body holds a lease of ``lease_s`` seconds; it must end within it. An error releases it.
    After a crash between the work and the mark, the work is done *again* once the lease is over: as often as
    with any two systems. The mark is kept for ``keep_s`` (14 days). `InProgressError` where another process
    has the lease, or died in it: let it be raised, `Consumer` waits for its end. In a cluster of Redis, any
    client will do: each event is one key.

    Raises TypeError for another kind of connection, and whatever the library raises.
    """
    mark = f"{group}/{event_id}" if group else event_id
    library = type(connection).__module__.partition(".")[0]
    if library == "redis":
        return _once_in_redis(mark, connection, lease_s, keep_s)
    if library == "asyncpg":
        return _once_in_postgres(mark, connection, _insert_by_asyncpg)
    if library == "psycopg":
        return _once_in_postgres(mark, connection, _insert_by_psycopg)
    raise TypeError(
        f"once() knows connections of asyncpg and psycopg, and clients of redis.asyncio; this is a"
        f" {type(connection).__module__}.{type(connection).__qualname__}"
    )


@asynccontextmanager
async def _once_in_postgres(
    mark: str,
    connection: Any,  # noqa: ANN401 - see above
    insert: Callable[[Any, str], Any],
) -> AsyncIterator[bool]:
    async with connection.transaction():
        yield await insert(connection, mark)


async def _insert_by_asyncpg(connection: Any, mark: str) -> bool:  # noqa: ANN401 - see above
    text = "INSERT INTO vod_events_done (id) VALUES ($1) ON CONFLICT DO NOTHING"
    return bool((await connection.execute(text, mark)).endswith(" 1"))


async def _insert_by_psycopg(connection: Any, mark: str) -> bool:  # noqa: ANN401 - see above
    text = "INSERT INTO vod_events_done (id) VALUES (%s) ON CONFLICT DO NOTHING"
    return bool((await connection.execute(text, (mark,))).rowcount == 1)


@asynccontextmanager
async def _once_in_redis(mark: str, client: Any, lease_s: int, keep_s: int) -> AsyncIterator[bool]:  # noqa: ANN401
    key, owner = _PREFIX + mark, uuid4().hex
    if not await client.set(key, owner, nx=True, ex=lease_s):
        if await client.get(key) not in (_DONE, _DONE.decode()):
            raise InProgressError(f"another process works on {mark}, or one has died within {lease_s} s")
        yield False
        return
    try:
        yield True
    except BaseException:
        await client.eval(_SETTLE, 1, key, owner, "", 0)
        raise
    await client.eval(_SETTLE, 1, key, owner, _DONE, keep_s)
