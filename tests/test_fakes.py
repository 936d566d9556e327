"""The fakes do what the real parts do."""

import pytest

from tests.contracts import Clock, MemoryContract, WriterContract
from tests.fakes import FakeMemory, FakeWriter


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
