"""A door that is open for one test."""

from collections.abc import AsyncIterator

import pytest

from tests.io.doors import Door, opened


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """Open one with its usual limits."""
    async with opened() as one:
        yield one
