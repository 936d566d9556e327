"""What this machine cannot do is a skip with its reason; where it is required it is a failure."""

import pytest

from tests.conftest import PARTS, skipped_where_missing
from tests.rig.parts import MissingPartError


def test_what_is_missing_is_a_skip_that_names_part_and_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIDGE_TEST_REQUIRE", "kafka,redis")
    with (
        pytest.raises(pytest.skip.Exception, match=r"^redis-tls: no TLS: do$"),
        skipped_where_missing(),
    ):
        raise MissingPartError("redis-tls", "no TLS: do")


@pytest.mark.parametrize("part", sorted(PARTS))
def test_what_is_missing_is_a_failure_where_it_is_required(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_TEST_REQUIRE", f"other,{part}")
    expected = pytest.raises(pytest.fail.Exception, match=f"required by BRIDGE_TEST_REQUIRE: {part}: none")
    with expected, skipped_where_missing():
        raise MissingPartError(part, "none")


def test_what_is_no_part_of_the_tests_is_no_skip() -> None:
    with pytest.raises(MissingPartError), skipped_where_missing():
        raise MissingPartError("bench", "a frozen file was changed")
