"""What the tests of the consumer may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.consumer.isolated_readers import Readers, link_extra
from tests.consumer.records import ConsumerEnvironment, new_consumer_env
from tests.rig.kafka import RealKafka


@pytest.fixture
def consumer_env(kafka: RealKafka) -> ConsumerEnvironment:
    """Give topics and a group of the test's own."""
    return new_consumer_env(kafka)


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder that holds what the extra ``consumer`` installs, and nothing else."""
    return link_extra("consumer", tmp_path_factory.mktemp("packages"))


@pytest.fixture
def readers(packages: Path, tmp_path: Path) -> Iterator[Readers]:
    """Start readers as processes of their own; they end with the test."""
    made = Readers(packages, tmp_path)
    yield made
    made.kill()
