"""What waits for Kafka and what is under way there: a lane for each partition, one batch of it at a time.

Which producer lives, and when it is fed, is told in the package's own file.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

import structlog

from bridge.core.event import Record
from bridge.core.outcome import Reason, Rejected, Unavailable
from bridge.core.partition import hash_of
from bridge.io.publisher.batches import Way
from bridge.io.publisher.buffer_budget import Limits, Room
from bridge.io.publisher.refusals import is_refusal, is_too_large, reason_of
from bridge.io.publisher.tickets import Ended, Lane, Owner, Queue, Ticket, divert, drop_lost, size_of
from bridge.io.publisher.topics import Topics, Where

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_ATTEMPTS = 5
_SILENCES_MAX = 5


class Lanes:
    """All lanes. ``on_answer`` is told of each good answer, ``on_failure`` of each batch not written.

    ``era`` grows whenever a lane takes records again that did not: who passed over some looks again.
    """

    def __init__(self, limits: Limits, on_answer: Callable[[], None], on_failure: Callable[[], None]) -> None:
        self.loop = asyncio.get_running_loop()  # asked once: asking costs a system call
        self._room = Room(limits.most_bytes, limits.most_records)
        # Who waits for a topic takes no room from the others.
        self._room_of_the_homeless = Room(limits.most_bytes, limits.most_records)
        self._on_answer = on_answer
        self._on_failure = on_failure
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._hungry: dict[Lane, None] = {}
        self.topics = Topics()
        self.homeless: dict[str, Queue] = {}
        self.hungry = asyncio.Event()
        self.era = 0

    @property
    def under_way(self) -> list[Lane]:
        """The lanes with a batch in the producer."""
        return [lane for lane in self._lanes.values() if lane.batch is not None]

    @property
    def wants_news(self) -> bool:
        """Whether a new listing may let more records leave."""
        return self.topics.want_news or any(lane.stuck for lane in self._lanes.values())

    def takes(self, topic: str, hashed: int) -> bool:
        """Whether records of that topic and hash of a key leave now, as far as is known."""
        where = self.topics.lead(topic, hashed)
        return where is not None and not self._lane(where).stuck

    def offer(self, record: Record, hashed: int, owner: Owner) -> Ticket | None:
        """Put ``record`` in its lane if it leaves now; None where it does not, or there is no room."""
        where = self.topics.lead(record.topic, hashed)
        lane = None if where is None else self._lane(where)
        if lane is None or lane.stuck or not self._room.take(size := size_of(record)):
            return None
        return self._line_up(Ticket(record, owner, self.loop.time(), size, self._room), lane)

    def send(self, record: Record, hashed: int, owner: Owner) -> Ticket:
        """Put ``record`` in its lane. Raises `Unavailable` where the room is used up."""
        where = self.topics.find(record.topic, hashed)
        room = self._room_of_the_homeless if where is None else self._room
        size = size_of(record)
        if not room.take(size):
            raise Unavailable("too much is on its way to Kafka")
        ticket = Ticket(record, owner, self.loop.time(), size, room)
        if where is not None:
            return self._line_up(ticket, self._lane(where))
        ticket.wait_in(self.homeless.setdefault(record.topic, {}))
        return ticket

    def learn(self, partitions: Mapping[str, int], leaderless: Iterable[tuple[str, int]] = ()) -> None:
        """Take note of a full listing; what waited for a topic that has appeared gets its lane.

        What waits in the lanes of a topic that is gone waits for its return, before what came since; where it
        has come back with fewer partitions, what waited in those that it lacks goes to the others.
        """
        news = self.topics.learn(partitions, leaderless)
        for lane in tuple(self._lanes.values()):
            if not self.topics.has(lane.where):
                self._make_homeless(lane)
        for topic in [topic for topic in self.homeless if topic in partitions]:
            for ticket in self.homeless.pop(topic):
                where = self.topics.find(topic, hash_of(ticket.record.key))
                if where is not None:
                    self._line_up(ticket, self._lane(where))
        if news:
            self.wake()

    def look(self, now: float) -> None:
        """Let topics be tried again that refused a while ago."""
        if self.topics.refusals.over(now):
            self.wake()

    def wake(self) -> None:
        """Feed every lane in which something waits: more may leave than before."""
        self.era += 1
        for lane in self._lanes.values():
            if lane.waiting:
                self._feed_soon(lane)

    async def feed(self, way: Way) -> int:
        """Send a batch of each lane that asked for it and has none under way; tells how many records."""
        hungry, self._hungry = self._hungry, {}
        cluster, closed = way.producer.client.cluster, self.topics.closed
        now, now_ms = self.loop.time(), int(time.time() * 1000)
        sent = 0
        for lane in hungry:
            if not lane.waiting or lane.under_way or closed(lane.where):
                continue
            if cluster.leader_for_partition(lane.where) is None:
                # Gone since the last listing. A send would ask for the topic by name, which may create it.
                self._hungry[lane] = None
                continue
            batch = lane.batch = way.open(lane)
            lane.fill(batch.append, now_ms)
            lane.sent_at, lane.diverted = now, False
            sent += len(lane.under_way)
        await way.enter()
        return sent

    def hear(self, ended: Ended) -> None:
        """Hear how batches have ended."""
        written = False
        for batch, error in ended:
            lane = batch.lane
            if lane.batch is not batch:
                continue  # a replaced producer's late answer: its records have been sent again
            lane.batch = None
            written = written or error is None
            try:
                self._written(lane) if error is None else self._failed(lane, error)
            except Exception as bug:  # noqa: BLE001 - one owner's bug must not keep the word from the others
                self.loop.call_exception_handler({"message": "an owner failed", "exception": bug})
        if written:
            self._on_answer()

    def late(self, now: float, after_s: float) -> list[Lane]:
        """List the lanes whose batch, or whose longest waiting record, is older than ``after_s``."""
        return [
            lane
            for lane in self._lanes.values()
            if (lane.under_way and now - lane.sent_at > after_s)
            or (lane.waiting and now - next(iter(lane.waiting)).since > after_s)
        ]

    def stick(self, lanes: Iterable[Lane]) -> None:
        """Let nothing more into these lanes until they answer, and tell the owners of what is in them."""
        for lane in tuple(lanes):  # whoever is told may send something else, to a lane that is new
            lane.stuck = lane.stuck or bool(lane.under_way)
            lane.divert()

    def stick_homeless(self) -> None:
        """Tell the owners of what waits for a topic that is missing."""
        for topic in tuple(self.homeless):
            self._divert_missing(topic)

    def give_way(self, topic: str, hashed: int) -> None:
        """Tell the owners of what is in a key's lane: what comes now goes elsewhere, and not before it."""
        where = self.topics.find(topic, hashed)
        if where is None:
            self._divert_missing(topic)
        elif lane := self._lanes.get(where):
            lane.make_way()

    def _divert_missing(self, topic: str) -> None:
        """Ask the owners of all records of a missing topic, the oldest first, to keep them elsewhere."""
        for lane in tuple(self._lanes.values()):
            if lane.topic == topic:  # a batch that was under way when the topic went
                lane.make_way()
        divert(self.homeless.get(topic, ()))

    def stick_all(self) -> None:
        """Do so with all that is on its way."""
        self.stick(self._lanes.values())

    def met(self, now: float) -> None:
        """Note that Kafka answered something, though not what is stuck."""
        for lane in self._lanes.values():
            if lane.stuck and not lane.met_at:
                lane.met_at = now

    def silent(self, now: float, after_s: float) -> bool:
        """Whether a lane stayed silent for ``after_s`` and longer each time, with Kafka answering."""
        lanes = self._lanes.values()
        silent = [one for one in lanes if one.met_at and now - one.met_at > after_s * 2**one.silences]
        for lane in silent:
            lane.silences = min(lane.silences + 1, _SILENCES_MAX)
        return bool(silent)

    def reclaim(self) -> None:
        """Take back what a producer holds that will not answer: it is sent again, under the same ids.

        Unless its owner keeps it elsewhere. All that ever entered a producer is asked for: what waits may
        have come back from an earlier one.
        """
        for lane in tuple(self._lanes.values()):
            lane.batch, lane.stuck, lane.met_at = None, False, 0.0
            # Their outcome is unknown, so they stay as they are: entered, not to be withdrawn.
            tickets, lane.under_way = lane.under_way, []
            self._return(lane, tickets)
        waiting = [lane.waiting for lane in self._lanes.values()]
        for queue in (*waiting, *self.homeless.values()):
            drop_lost(queue)
        # What was handed back stands behind whoever is reading on: he begins anew.
        self.era += 1

    def _lane(self, where: Where) -> Lane:
        lane = self._lanes.get(where)
        if lane is None:
            lane = self._lanes[where] = Lane(*where)
        return lane

    def _line_up(self, ticket: Ticket, lane: Lane) -> Ticket:
        ticket.wait_in(lane.waiting)
        if not lane.under_way:  # else it is fed once that has ended
            self._feed_soon(lane)
        return ticket

    def _make_homeless(self, lane: Lane) -> None:
        homeless: Queue = {}
        for ticket in (*lane.waiting, *self.homeless.pop(lane.topic, ())):
            ticket.wait_in(homeless)
        if homeless:
            self.homeless[lane.topic] = homeless
        lane.waiting = {}
        if not lane.under_way:
            del self._lanes[lane.where]
        self._divert_missing(lane.topic)

    def _feed_soon(self, lane: Lane) -> None:
        self._hungry[lane] = None
        self.hungry.set()

    def _written(self, lane: Lane) -> None:
        tickets, lane.under_way = lane.under_way, []
        for ticket in tickets:
            ticket.end()
            ticket.owner.written()
        if self.topics.refusals.taken(lane.topic):
            self.era += 1
        if lane.stuck:
            lane.stuck, lane.met_at, lane.silences = False, 0.0, 0
            self.era += 1
        if lane.waiting:
            self._feed_soon(lane)

    def _failed(self, lane: Lane, error: BaseException) -> None:
        """Judge a batch that was not written."""
        tickets, lane.under_way = lane.under_way, []
        log.warning("kafka_refused", topic=lane.topic, error=reason_of(error), records=len(tickets))
        if is_too_large(error):
            self._too_large(lane, tickets)
        else:
            for ticket in tickets:
                ticket.attempts += 1
            tired = is_refusal(error) or any(ticket.attempts >= _ATTEMPTS for ticket in tickets)
            self._return(lane, tickets)
            if tired:
                self._refuse(lane, Unavailable(f"{lane.topic}: {reason_of(error)}"))
        self._on_failure()

    def _too_large(self, lane: Lane, tickets: list[Ticket]) -> None:
        if len(tickets) == 1:
            tickets[0].end()
            why = f"the topic {lane.topic} refuses its size"
            tickets[0].owner.refused(Rejected(Reason.TOO_LARGE, why))
            return
        for ticket in tickets:
            # The broker limits the batch, not the record: whoever is too large shows when sent alone.
            ticket.alone = True
        self._return(lane, tickets)

    def _refuse(self, lane: Lane, error: Unavailable) -> None:
        """Send nothing to a topic that refuses for a while. All that waits there is told, in order."""
        self.topics.refusals.refused(lane.topic, self.loop.time())
        tickets, lane.waiting = lane.waiting, {}
        for ticket in tickets:
            ticket.end()
            ticket.owner.refused(error)

    def _return(self, lane: Lane, tickets: Iterable[Ticket]) -> None:
        behind, lane.waiting = lane.waiting, {}
        for ticket in (*tickets, *behind):
            ticket.wait_in(lane.waiting)
        if lane.waiting:
            self._feed_soon(lane)
        if lane.waiting and not self.topics.has(lane.where):
            self._make_homeless(lane)  # else what came since would be asked first
