"""Options that exclude one another are an error in one line, without a connection."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bridge.cli import app
from bridge.cli.support.time_arg import parse_time

NOW = 1_700_000_000_000


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "one of --dead-letters, --dead-letters-of, --topic or files"),
        ("--dead-letters --topic t", "one of --dead-letters, --dead-letters-of, --topic or files"),
        ("- --reason malformed", "--reason: only with --dead-letters"),
        ("--dead-letters --to t", "--to: only with --topic"),
        ("--dead-letters --republish", "--republish: only with --topic"),
        ("--dead-letters --skip 1", "--skip: only with files"),
        ("- --since 1h", "--since and --until: only with topics"),
        ("- --restart", "--restart: only with topics"),
        ("- --again", "--restart: only with topics"),
        ("--topic t --without-dedup", "--without-dedup: only with --dead-letters and files"),
        ("--topic t --since 1h", "Either --to TOPIC or --republish"),
        ("--topic t --since 1h --to u --republish", "Either --to TOPIC or --republish"),
        ("--topic t --since 1h --to t", "--republish says so"),
        ("--topic vod.dead-letter --since 1h --to t", "--dead-letters replays them"),
        ("--topic t --since 1h --to vod.dead-letter", "is the topic of dead letters"),
        ("--topic t --to u", "--since: from when on?"),
        ("--topic t --to u --since soon", "--since soon: must be like 2h"),
        ("--topic t --to u --since 1h --until 2h", "--since 1h: must be before 2h"),
        ("--dead-letters --app shop", "--app shop: not configured; there is default"),
        ("/no/such/file", "there is no such file or folder"),
        ("--dead-letters --reason bad-luck", "--reason bad-luck: there is malformed, "),
    ],
)
def test_options_that_exclude_one_another_are_reported(words: str, expected: str) -> None:
    result = CliRunner().invoke(app, ["replay", *words.split()])
    assert (result.exit_code, expected in result.output) == (2, True), result.output


def test_an_empty_folder_is_used_wrongly(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(tmp_path)])
    assert (result.exit_code, "no *.json, *.jsonl or *.ndjson file in it" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("90s", NOW - 90_000),
        ("2h", NOW - 7_200_000),
        ("3d", NOW - 259_200_000),
        ("999999999d", 0),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T22:13:20.123", NOW + 123),
        ("2023-11-15T06:13:20+08:00", NOW),
        ("2023-11-14", NOW - 80_000_000),
        ("1969-01-01", None),
        ("yesterday", None),
    ],
)
def test_a_time_is_so_long_ago_or_a_time_with_its_date(typed: str, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(typer.Exit):
            parse_time("--since", typed, NOW)
    else:
        assert parse_time("--since", typed, NOW) == expected
