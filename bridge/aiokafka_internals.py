"""What is known of aiokafka's private parts, apart from those of `bridge.io.kafka.accumulator_sender`.

It holds for the versions of `KNOWN_VERSIONS`. With any other one nothing private is touched, and what only
these parts can tell is found later by other means: a client that lost its background task by being silent.
"""
# ruff: noqa: SLF001 - see above

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Self

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, conn
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

KNOWN_VERSIONS = frozenset({"0.14.0"})
_FETCH_API_KEY = 1


def is_known() -> bool:
    """Return whether the installed version is one whose private parts are known."""
    return aiokafka.__version__ in KNOWN_VERSIONS


class FilePassword(str):
    """A password, as it was when this was made, and how to read it again: ``reread`` may raise OSError."""

    __slots__ = ("reread",)
    reread: Callable[[], str]

    def __new__(cls, reread: Callable[[], str]) -> Self:
        """Read it. Raises OSError."""
        password = super().__new__(cls, reread())
        password.reread = reread
        return password


def with_current_password(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a client's options with the password that its file holds now; the old one if that fails."""
    current = dict(options)
    password = current.get("sasl_plain_password")
    if isinstance(password, FilePassword):
        with suppress(OSError):
            current["sasl_plain_password"] = FilePassword(password.reread)
    return current


class ResetSafeConnection(AIOKafkaConnection):  # type: ignore[misc]  # the library is not typed
    """A connection that logs in with the current password, and on which a write after a reset fails well.

    The library keeps a password for as long as a client lives. Here a `FilePassword` is read at each login.

    For some turns of the event loop after a reset `connected` is still true. A write in them is a warning
    under asyncio and a RuntimeError under uvloop. The library handles only OSError there: the RuntimeError
    would end its sender, and with it every batch of every broker, or its metadata task, for good.
    """

    _sasl_plain_password: str | None

    async def connect(self) -> Any:  # noqa: ANN401 - the library's
        """Connect and log in. Raises OSError also where the password's file cannot be read."""
        if isinstance(self._sasl_plain_password, FilePassword):
            self._sasl_plain_password = await asyncio.to_thread(self._sasl_plain_password.reread)
        return await super().connect()

    def send(self, request: object, expect_response: bool = True) -> Awaitable[Any]:  # noqa: FBT001, FBT002 - the library's
        """Send a request; raises `KafkaConnectionError` where the connection is broken."""
        try:
            return super().send(request, expect_response)  # type: ignore[no-any-return]
        except RuntimeError as error:
            raise self._broken(error) from error

    def _send_sasl_token(self, payload: bytes, expect_response: bool = True) -> Awaitable[Any]:  # noqa: FBT001, FBT002
        try:
            return super()._send_sasl_token(payload, expect_response)  # type: ignore[no-any-return]
        except RuntimeError as error:
            raise self._broken(error) from error

    def _broken(self, error: RuntimeError) -> KafkaConnectionError:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        return KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}")


def install_reset_safe_connections() -> None:
    """Have every aiokafka client of this process make `ResetSafeConnection`s from now on.

    The library has no place to say so for one client. Nothing else changes for a client that is not ours.
    """
    if is_known():
        conn.AIOKafkaConnection = ResetSafeConnection


def install_read_ahead(size_bytes: int) -> None:
    """Have the connections of this process take answers of so many bytes as they come, from now on.

    The library's limit of 64 KB has a connection stopped and started anew some 30 times in an answer of 8 MB.
    An answer is read whole in either case, so that this needs no more memory.
    """
    if is_known():
        conn.READER_LIMIT = size_bytes


def ended_producer_task(producer: AIOKafkaProducer) -> str:
    """Return which background task of a started producer has ended; empty if none, or not known.

    The library starts none of them again: without its metadata task a client never finds a leader that
    moved, without its sender a producer sends nothing.
    """
    if not is_known():
        return ""
    return _first_ended(metadata=producer.client._sync_task, sender=producer._sender.sender_task)


def ended_consumer_task(consumer: AIOKafkaConsumer) -> str:
    """Return the same of a started consumer that is a member of a group."""
    if not is_known() or not isinstance(consumer, AIOKafkaConsumer):  # it is a test's own
        return ""
    coordinator = consumer._coordinator
    return _first_ended(
        metadata=consumer._client._sync_task,
        coordination=getattr(coordinator, "_coordination_task", None),
        fetch=consumer._fetcher._fetch_task,
    )


def _first_ended(**tasks: "asyncio.Task[None] | None") -> str:
    return next((name for name, task in tasks.items() if task is not None and task.done()), "")


def cancel_sender(producer: AIOKafkaProducer) -> None:
    """End a producer's sender, which `stop` waits for without a limit where Kafka is unavailable."""
    sender = getattr(getattr(producer, "_sender", None), "sender_task", None)
    if sender is not None:
        sender.cancel()


async def close_client(consumer: AIOKafkaConsumer) -> None:
    """Close the connections that `stop` left open when it failed."""
    client = getattr(consumer, "_client", None)
    if client is not None:
        await client.close()


def filter_fetched(consumer: AIOKafkaConsumer, keep: Callable[[bytes], bytes]) -> None:
    """Pass the bytes of each partition that a started consumer fetches through ``keep``.

    ``keep`` may leave batches out, but not the last one, which moves the position. Does nothing where the
    library's private parts are not known: the caller then gets all records.
    """
    if not is_known():
        return
    client = consumer._client
    send = client.send

    async def send_and_filter(node_id: int, request: Any, **more: Any) -> Any:  # noqa: ANN401 - the library's
        response = await send(node_id, request, **more)
        if getattr(response, "API_KEY", None) == _FETCH_API_KEY:
            response.topics = [
                (topic, [(*partition[:-1], keep(partition[-1] or b"")) for partition in partitions])
                for topic, partitions in response.topics
            ]
        return response

    client.send = send_and_filter
