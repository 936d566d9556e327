"""The fakes do what the real parts do."""

import pytest

from tests.contracts import Clock, MemoryContract
from tests.fakes import FakeMemory, FakeWriter
from tests.keeping_contracts import ProducerContract, StoreContract, WriterContract
from tests.keeping_fakes import FakeProducer, FakeStore


class TestFakeMemory(MemoryContract):
    """The memory's suite, on the fake."""

    @pytest.fixture(autouse=True)
    def _given(self) -> None:
        self.memory = FakeMemory(Clock())


class TestFakeWriter(WriterContract):
    """The writer's suite, on the fake."""

    @pytest.fixture(autouse=True)
    async def _given(self) -> None:
        self.writer = FakeWriter()


class TestFakeProducer(ProducerContract):
    """The producer's suite, on the fake."""

    @pytest.fixture(autouse=True)
    async def _given(self) -> None:
        self.producer = FakeProducer()
        self.producer.at_once = True


class TestFakeStore(StoreContract):
    """The store's suite, on the fake."""

    @pytest.fixture(autouse=True)
    async def _given(self) -> None:
        self.store = FakeStore()
