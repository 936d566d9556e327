"""The tests of deliveries run in virtual time: no stall of the machine lets a hold or a pause run out."""

import asyncio
from collections.abc import Callable, Mapping
from random import Random

import pytest

from tests.order.virtual_loop import VirtualLoop


def pytest_asyncio_loop_factories(
    item: pytest.Function,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the event loop on which a test runs: the real one where its module needs threads."""
    if getattr(item.module, "IN_REAL_TIME", False):
        return {"real": asyncio.SelectorEventLoop}
    return {"virtual": lambda: VirtualLoop(Random(item.nodeid))}  # noqa: S311 - a seed
