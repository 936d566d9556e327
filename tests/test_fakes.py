"""The fakes do what the real parts do."""

import pytest

from tests.contracts import Clock, MemoryContract
from tests.fakes import FakeMemory


class TestFakeMemory(MemoryContract):
    """The memory's suite, on the fake."""

    @pytest.fixture(autouse=True)
    def _given(self) -> None:
        self.memory = FakeMemory(Clock())
