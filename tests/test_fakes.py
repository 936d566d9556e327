"""The fakes do what the real parts do."""

import pytest

from tests.contracts import Clock, DedupStoreContract
from tests.delivery_contracts import PublisherContract, SpoolContract, WriterContract
from tests.delivery_fakes import FakePublisher, FakeSpool
from tests.fakes import FakeDedupStore, FakeWriter


class TestFakeDedupStore(DedupStoreContract):
    """The memory's suite, on the fake."""

    @pytest.fixture(autouse=True)
    def _given(self) -> None:
        self.dedup = FakeDedupStore(Clock())


class TestFakeWriter(WriterContract):
    """The writer's suite, on the fake."""

    @pytest.fixture(autouse=True)
    async def _given(self) -> None:
        self.writer = FakeWriter()


class TestFakePublisher(PublisherContract):
    """The producer's suite, on the fake."""

    @pytest.fixture(autouse=True)
    async def _given(self) -> None:
        self.publisher = FakePublisher()
        self.publisher.acks_at_once = True


class TestFakeSpool(SpoolContract):
    """The store's suite, on the fake."""

    @pytest.fixture(autouse=True)
    async def _given(self) -> None:
        self.spool = FakeSpool()
