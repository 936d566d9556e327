"""The spool against a list: whatever is put, drained, killed, damaged and restarted, in any order."""

import asyncio
import shutil

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.io.spool import Spool, SpoolEntry
from tests.examples import examples
from tests.io.spools import (
    SMALL,
    counted_corruptions,
    flip_byte,
    kill,
    log_files,
    number_of,
    numbers_in,
    read_all,
    record,
    spool_in,
    total_bytes,
)
from tests.rig.reaper import temporary_folder
from tests.rig.waiting import eventually

_ANY = st.integers(0, 1 << 30)


class SpoolModel(RuleBasedStateMachine):
    """``expected`` is the list: what is here and ready, in order. A pending record is here and not ready."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = temporary_folder("spool-model-")
        self.next_number = 0
        self.expected: list[int] = []
        self.pending: dict[int, SpoolEntry] = {}
        self.flipped: set[tuple[str, int]] = set()
        self.spool = self._start()

    def _start(self) -> Spool:
        async def start() -> Spool:
            return spool_in(self.folder, SMALL)

        return self.runner.run(start())

    @rule(count=st.integers(1, 40), size=st.sampled_from([0, 50, 5_000]), pending=st.booleans())
    def put(self, count: int, size: int, *, pending: bool) -> None:
        async def put() -> None:
            numbers = range(self.next_number, self.next_number + count)
            entries = [self.spool.append(record(number, size), pending=pending) for number in numbers]
            for number, entry in zip(numbers, entries, strict=True):
                assert self.spool.has_pending(record(number))
                await entry.durable
                self.expected.append(number)
                if pending:
                    self.pending[number] = entry

        self.runner.run(put())
        self.next_number += count

    @rule(which=_ANY, free=st.booleans())
    @precondition(lambda self: self.pending)
    def free_or_remove_a_pending_one(self, which: int, *, free: bool) -> None:
        number = sorted(self.pending)[which % len(self.pending)]
        entry = self.pending.pop(number)
        if free:
            entry.make_available()
        else:
            self.runner.run(self._remove([(number, entry)]))

    @rule(most_bytes=st.integers(1, 5_000), keep_every=st.integers(1, 4))
    def drain_some(self, most_bytes: int, keep_every: int) -> None:
        async def drain() -> None:
            self.spool.rewind()
            taken = await self.spool.read(most_bytes, lambda _topic, _key: False)
            ready = [number for number in self.expected if number not in self.pending]
            assert [number_of(found) for _, found in taken] == ready[: len(taken)]
            for entry, _ in taken[::keep_every]:
                entry.make_available()
            gone = [pair for position, pair in enumerate(taken) if position % keep_every]
            await self._remove([(number_of(found), entry) for entry, found in gone])

        self.runner.run(drain())

    @rule()
    def drain_all(self) -> None:
        async def drain() -> None:
            self.spool.rewind()
            await self._remove([(number_of(found), entry) for entry, found in await read_all(self.spool)])

        self.runner.run(drain())

    @rule()
    def stop_and_restart(self) -> None:
        self.runner.run(self.spool.stop())
        self._restart()

    @rule()
    def die_and_restart(self) -> None:
        async def death() -> None:
            kill(self.spool)

        self.runner.run(death())
        self._restart()

    @rule(which=_ANY, where=_ANY)
    @precondition(lambda self: self.expected)
    def damage_a_byte_and_restart(self, which: int, where: int) -> None:
        self.runner.run(self.spool.stop())
        files = log_files(self.folder)
        file = files[which % len(files)]
        position = (file.name, where % file.stat().st_size)
        if position not in self.flipped:  # a second blow would heal it
            self.flipped.add(position)
            flip_byte(file, position[1])
        self._restart(losses=1)

    def _restart(self, losses: int = 0) -> None:
        self.pending.clear()  # nobody delivers them any more
        self.spool = self._start()
        self.runner.run(self._settled())
        found = self.runner.run(numbers_in(self.spool))
        missing = set(self.expected) - set(found)
        assert found == [number for number in self.expected if number not in missing]
        assert len(missing) <= losses
        if missing:
            assert {"record", "torn_tail"} & counted_corruptions(self.spool).keys()
        self.expected = found

    async def _remove(self, gone: list[tuple[int, SpoolEntry]]) -> None:
        for number, entry in gone:
            entry.remove()
            self.expected.remove(number)
        await self._settled()

    async def _settled(self) -> None:
        """Let the disk know all that memory knows, so that a run can be repeated."""
        group_commit = self.spool._group_commit  # noqa: SLF001 - nobody else needs to know

        def is_idle() -> bool:
            return not group_commit._task and not group_commit._timer  # noqa: SLF001

        await eventually(is_idle, "nothing is under way", every_s=0)

    @invariant()
    def counts_agree(self) -> None:
        assert self.spool.records == len(self.expected)
        assert not self.spool.unavailable_reason
        assert total_bytes(self.folder) <= self.spool.bytes + 16

    def teardown(self) -> None:
        self.runner.run(self.spool.stop())
        self.runner.close()
        shutil.rmtree(self.folder)


TestSpoolModel = SpoolModel.TestCase
TestSpoolModel.settings = settings(max_examples=examples(20, full=80), stateful_step_count=30, deadline=None)
