"""The last deliveries of this process, and the last refused requests: for the console and its API.

Recording one costs a few tenths of a microsecond: a tuple is appended. `DeliverySummary` is built only when
somebody looks. Two rings, so that a flood of refused requests does not push deliveries out. Readers ask for
what came after a number that they remember; who reads too slowly learns how many were left out.
"""

from collections import deque
from itertools import count
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.core.printable import cut
from bridge.core.record import timestamp

DELIVERIES_MAX = 1000
REFUSED_MAX = 200
REFUSED = "refused"
"""The outcome shown of a request that became no delivery: 404, 405, 413 ..."""

# Together they bound a ring to 2 MB, whatever a sender writes into type and ids.
_TEXT_MAX = 300
_CUT_TO = 64

# number, received_ms, app, mode, seconds, file_id, task_id, result
_Delivery = tuple[int, int, str, str, float, str, str, DeliveryResult]
# number, received_ms, app, reason, client, detail
_Refused = tuple[int, int, str, str, str, str]
_Entry = TypeVar("_Entry", _Delivery, _Refused)


class DeliverySummary(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One delivery, or one refused request, as the API shows it. Empty fields are left out.

    ``number`` grows by one with each of a process. ``outcome`` is that of `core.outcome`, or ``refused``.
    ``client`` is the address of a refused request's sender. ``duration_ms`` is the time from receipt to
    outcome. ``worker`` and ``replica`` say where it came in, where there are several.
    """

    number: int
    time: str
    application: str = ""
    mode: str = ""
    type: str = ""
    outcome: str
    reason: str = ""
    detail: str = ""
    file_id: str = ""
    task_id: str = ""
    event_id: str = ""
    topic: str = ""
    duration_ms: float | None = None
    client: str = ""
    worker: int = 0
    replica: str = ""


class DeliveryFilter(Struct, frozen=True, kw_only=True):
    """Which deliveries: those whose members equal all that are given; an empty member matches everything."""

    application: str = ""
    type: str = ""
    outcome: str = ""
    file_id: str = ""
    task_id: str = ""

    def matches_delivery(self, entry: _Delivery) -> bool:
        """Whether a delivery is one of them."""
        return (
            (not self.application or entry[2] == self.application)
            and (not self.type or entry[7].event_type == self.type)
            and (not self.outcome or entry[7].outcome == self.outcome)
            and (not self.file_id or entry[5] == self.file_id)
            and (not self.task_id or entry[6] == self.task_id)
        )

    def matches_refused(self, entry: _Refused) -> bool:
        """Whether a refused request is one of them: it has neither a type nor ids."""
        outcome = _UNAUTHORIZED if entry[3] == _UNAUTHORIZED else REFUSED
        return (
            not (self.type or self.file_id or self.task_id)
            and (not self.application or entry[2] == self.application)
            and (not self.outcome or outcome == self.outcome)
        )


_EVERYTHING = DeliveryFilter()
_UNAUTHORIZED = str(DeliveryOutcome.UNAUTHORIZED)


class Recent(Struct, frozen=True):
    """Summaries, the oldest first; ``last_number`` is where to go on, ``left_out`` how many are lost."""

    summaries: list[DeliverySummary]
    last_number: int
    left_out: int = 0


class RecentDeliveries:
    """The rings. Not thread-safe."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._last_number = 0
        self._deliveries: deque[_Delivery] = deque(maxlen=DELIVERIES_MAX)
        self._refused: deque[_Refused] = deque(maxlen=REFUSED_MAX)

    @property
    def last_number(self) -> int:
        """The number of the newest, 0 before the first."""
        return self._last_number

    def add_delivery(
        self, notification: Notification, result: DeliveryResult, seconds: float, ids: tuple[str, str]
    ) -> None:
        """Keep one delivery; ``ids`` are its file id and task id, empty where it has none."""
        file_id, task_id = ids
        if (
            len(file_id) + len(task_id) + len(result.event_id) + len(result.event_type) + len(result.detail)
            > _TEXT_MAX
        ):
            file_id, task_id, result = cut(file_id, _CUT_TO), cut(task_id, _CUT_TO), _cut_result(result)
        self._last_number = number = next(self._numbers)
        self._deliveries.append(
            (
                number,
                notification.received_ms,
                notification.application.name,
                notification.mode,
                seconds,
                file_id,
                task_id,
                result,
            )
        )

    def add_refused(self, received_ms: int, app: str, reason: str, client: str, detail: str) -> None:
        """Keep one request that was refused; ``app`` is empty where its path names none of ours.

        The reason ``unauthorized`` is a delivery whose signature is wrong; ``detail`` is how.
        """
        self._last_number = number = next(self._numbers)
        self._refused.append((number, received_ms, app, reason, client[:_CUT_TO], detail[:_TEXT_MAX]))

    def since(
        self, number: int = 0, wanted: DeliveryFilter | None = None, limit: int = DELIVERIES_MAX
    ) -> Recent:
        """Return at most ``limit`` of the newest that came after ``number`` and that ``wanted`` matches."""
        is_filtered = wanted is not None and wanted != _EVERYTHING
        looked_at = DELIVERIES_MAX if is_filtered else limit
        deliveries = _tail(self._deliveries, number, looked_at)
        refused = _tail(self._refused, number, looked_at)
        matching = came = self._last_number - number if number else len(self._deliveries) + len(self._refused)
        if wanted is not None and is_filtered:
            overwritten = came - len(deliveries) - len(refused)
            deliveries = [entry for entry in deliveries if wanted.matches_delivery(entry)]
            refused = [entry for entry in refused if wanted.matches_refused(entry)]
            matching = overwritten + len(deliveries) + len(refused)
        # Summaries cost ten times what looking costs: they are built of what is returned only.
        found = sorted(
            [
                *((entry[0], _delivery_summary, entry) for entry in deliveries[-limit:]),
                *((entry[0], _refused_summary, entry) for entry in refused[-limit:]),
            ]
        )[-limit:]
        left_out = max(0, matching - len(found))  # a number from before a restart may be greater than ours
        summaries = [build(entry) for _, build, entry in found]  # type: ignore[operator] # each with its own
        return Recent(summaries, self._last_number, left_out)

    def durations_s(self) -> list[float]:
        """Return the durations of the deliveries kept, in seconds, ascending."""
        return sorted(entry[4] for entry in self._deliveries)

    def per_second(self, now_ms: int, window_s: int = 60) -> float:
        """Return the deliveries a second within the window, or since the oldest that is kept."""
        begin_ms = now_ms - window_s * 1000
        if len(self._deliveries) == DELIVERIES_MAX:
            begin_ms = max(begin_ms, self._deliveries[0][1])
        number = sum(entry[1] >= begin_ms for entry in self._deliveries)
        return number / max(1e-3, (now_ms - begin_ms) / 1000)


def _tail(entries: "deque[_Entry]", number: int, limit: int) -> "list[_Entry]":
    """Return at most ``limit`` of the newest entries after ``number``, without looking at all of them."""
    found: list[_Entry] = []
    for entry in reversed(entries):
        if entry[0] <= number or len(found) == limit:
            break
        found.append(entry)
    found.reverse()
    return found


def _delivery_summary(entry: _Delivery) -> DeliverySummary:
    number, received_ms, app, mode, seconds, file_id, task_id, result = entry
    return DeliverySummary(
        number=number,
        time=timestamp(received_ms),
        application=app,
        mode=mode,
        type=result.event_type,
        outcome=str(result.outcome),
        reason=result.reason,
        detail=result.detail,
        file_id=file_id,
        task_id=task_id,
        event_id=result.event_id,
        topic=result.topic,
        duration_ms=round(seconds * 1000, 1),
    )


def _refused_summary(entry: _Refused) -> DeliverySummary:
    number, received_ms, app, reason, client, detail = entry
    unauthorized = reason == _UNAUTHORIZED  # a delivery's outcome; the detail is the reason
    return DeliverySummary(
        number=number,
        time=timestamp(received_ms),
        application=app,
        outcome=_UNAUTHORIZED if unauthorized else REFUSED,
        reason=detail if unauthorized else reason,
        detail="" if unauthorized else detail,
        client=client,
    )


def _cut_result(result: DeliveryResult) -> DeliveryResult:
    return replace(
        result,
        event_id=cut(result.event_id, _CUT_TO),
        event_type=cut(result.event_type, _CUT_TO),
        detail=cut(result.detail, _CUT_TO),
    )
