"""The connections of who reads much take an answer as it comes, where the library is one that is known."""

import inspect

import pytest
from aiokafka import conn

from bridge import aiokafka_internals


@pytest.mark.parametrize(("versions", "expected"), [(aiokafka_internals.KNOWN_VERSIONS, 8), (frozenset(), 7)])
def test_the_limit_of_a_connection_is_that_of_an_answer(
    monkeypatch: pytest.MonkeyPatch, versions: frozenset[str], expected: int
) -> None:
    monkeypatch.setattr(aiokafka_internals, "KNOWN_VERSIONS", versions)
    monkeypatch.setattr(conn, "READER_LIMIT", 7)
    aiokafka_internals.install_read_ahead(8)
    assert expected == conn.READER_LIMIT


def test_the_library_reads_the_limit_where_it_is_set() -> None:
    assert "StreamReader(limit=READER_LIMIT" in inspect.getsource(conn)
