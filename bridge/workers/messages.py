"""What supervisor and worker send each other, and the arguments that a worker process is started with."""

from collections.abc import Iterable

from msgspec import Struct, json
from prometheus_client import Metric

Sample = tuple[str, dict[str, str], float]
"""The exported name, its labels, its value."""


class Family(Struct, frozen=True, array_like=True):
    """One metric with its samples, as prometheus_client collects it."""

    name: str
    meaning: str
    kind: str
    samples: list[Sample]


def families_of(metrics: Iterable[Metric]) -> list[Family]:
    """Return metrics as they are sent."""
    return [
        Family(
            one.name,
            one.documentation,
            one.type,
            [(each.name, each.labels, each.value) for each in one.samples],
        )
        for one in metrics
    ]


class WorkerStatus(Struct, frozen=True, kw_only=True, tag="status"):
    """How a worker is, sent each second and at each change; the fields are those of `Readiness`."""

    ready: bool
    stopping: bool
    degraded: list[str]


class MetricsReply(Struct, frozen=True, kw_only=True, tag="metrics"):
    """A worker's metrics; ``request`` is the number of the request, 0 for the last ones before its end."""

    request: int
    families: list[Family]


class MetricsRequest(Struct, frozen=True, kw_only=True, tag="metrics"):
    """Ask a worker for its metrics."""

    request: int


class RetireRequest(Struct, frozen=True, tag="retire"):
    """Ask a worker to accept no more, to close its connections with their next responses, and to end."""


class Question(Struct, frozen=True, kw_only=True, tag="question"):
    """Ask a worker what the console shows of it; ``args`` are MessagePack."""

    request: int
    kind: str
    args: bytes


class Answer(Struct, frozen=True, kw_only=True, tag="answer"):
    """A worker's answer as MessagePack; ``problem`` is why there is none."""

    request: int
    body: bytes = b""
    problem: str = ""


FromWorker = WorkerStatus | MetricsReply | Answer
ToWorker = MetricsRequest | RetireRequest | Question


class WorkerArguments(Struct, frozen=True, kw_only=True):
    """What a worker process is started with. Descriptors are inherited by number.

    ``number`` is from 1 to ``workers``; ``slot`` is its place in the table of connections.
    """

    number: int
    workers: int
    listen_fds: list[int]
    counts_fd: int
    slot: int
    slots: int
    channel_fd: int
    config: str | None = None

    def encode(self) -> str:
        """Return it as one argument of a command line."""
        return json.encode(self).decode()
