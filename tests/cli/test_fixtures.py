"""Fixtures: a notification saved by ``record`` is the one that ``fire`` sends, whatever it is."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli import app
from bridge.cli.support.fixtures import Source, fixture_names, read_fixture, save_fixture
from tests.cli.cli_process import start_command, vod_bridge, wait_for_exit
from tests.cli.dev_process import dev_process

SOURCE = Source(application="shop", topic="vod.X", partition=1, offset=2)


@pytest.mark.parametrize(
    "body",
    [
        b'{"EventType":"X","XEvent":{"Name":"\xe8\xa7\x86\xe9\xa2\x91","D":1.50e1,"N":12345678901234567890}}',
        b'{"a":1,"a":2}',
        b'[1,"no event"]',
        b'{"broken": ',
        b"\xff\xfe no text",
        b"",
    ],
)
def test_what_is_read_back_is_what_was_saved(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "one.json"
    save_fixture(path, body, "2026-01-01T00:00:00+00:00", SOURCE)
    assert read_fixture(path) == body
    assert json.loads(path.read_bytes())["source"]["application"] == "shop"
    assert fixture_names(path.parent) == ["one"]


def test_one_that_came_while_the_record_was_waited_for_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    save_fixture(path, b'{"a":1}', "", SOURCE)
    with pytest.raises(FileExistsError):
        save_fixture(path, b'{"a":2}', "", SOURCE)
    assert read_fixture(path) == b'{"a":1}'
    save_fixture(path, b'{"a":2}', "", SOURCE, replace_existing=True)
    assert read_fixture(path) == b'{"a":2}'


def test_signatures_and_handles_are_left_out_and_json_is_indented(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    save_fixture(path, b'{"EventHandle":"h","EventType":"X","Sign":"0","T":7}', "", SOURCE)
    assert read_fixture(path) == b'{"EventType":"X"}'
    assert '  "body": {\n    "EventType": "X"\n  }' in path.read_text()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"base64":"?"}', '{"text":7}'])
def test_a_file_that_is_no_fixture_is_refused_by_its_name(text: str, tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text(text)
    result = CliRunner().invoke(app, ["fire", "odd", "--dir", str(tmp_path)])
    assert (result.exit_code, "odd.json: is no fixture" in result.output) == (2, True), result.output


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["fire"], "what is to be sent?"),
        (["fire", "uplaod"], "did you mean upload?"),
        (["fire", "other-thing"], "there are: upload"),
        (["fire", "../upload"], "NAME ../upload: must be letters"),
        (["record", "a/b"], "and begin with a letter or a digit"),
        (["record", "upload"], "--force replaces it"),
    ],
)
def test_names_are_checked_with_a_remedy(words: list[str], text: str, tmp_path: Path) -> None:
    save_fixture(tmp_path / "upload.json", b"{}", "", SOURCE)
    result = CliRunner().invoke(app, [*words, "--dir", str(tmp_path)])
    assert (result.exit_code, text in result.output) == (2, True), result.output


@pytest.mark.services
async def test_the_last_and_the_next_event_are_recorded_and_fired_signed(tmp_path: Path) -> None:
    pytest.importorskip("confluent_kafka")
    folder = ("--dir", str(tmp_path))
    async with dev_process("--app", "my-shop", "--sign-key", "secret") as dev:
        settings = {name: value for name, value in dev.exports.items() if name != "VOD_SIGN_KEY"}
        last = await vod_bridge(
            "record", "edited", "--last", "--type", "EditMediaComplete", *folder, settings=settings
        )
        assert last.code == 0, last.err
        body = json.loads((tmp_path / "edited.json").read_bytes())["body"]
        assert body["EditMediaCompleteEvent"]["Output"]["FileId"] == "24961954183923290"
        # Signed with the key that the settings have for the application of the URL.
        fired = await vod_bridge("fire", "edited", *folder, settings=settings)
        assert (fired.code, "1 duplicate" in fired.out) == (0, True), fired
        fired = await vod_bridge("fire", "edited", "--new-ids", "--count", "3", *folder, settings=settings)
        assert (fired.code, "3 published" in fired.out) == (0, True), fired
        waiting = await start_command("record", "next", "--type", "ClipComplete", *folder, settings=settings)
        assert waiting.stderr
        assert b"waiting for the next" in await waiting.stderr.readline()
        sent = await vod_bridge("send", "--example", "ClipComplete", settings=dev.exports)
        assert sent.code == 0, sent
        assert (await wait_for_exit(waiting)).code == 0
        assert fixture_names(tmp_path) == ["edited", "next"]
        nothing = await vod_bridge("record", "none", "--last", "--file", "1", *folder, settings=settings)
        assert (nothing.code, "nothing matches" in nothing.err) == (1, True)


@pytest.mark.services
async def test_a_dead_letter_is_fired_as_it_came_and_a_legacy_event_as_the_vendor_sent_it(
    tmp_path: Path,
) -> None:
    pytest.importorskip("confluent_kafka")
    async with dev_process() as dev:
        for name, words in (
            ("dead", ["--dead-letters"]),
            ("old", ["--type", "CreateSnapshotByTimeOffsetComplete"]),
        ):
            saved = await vod_bridge(
                "record", name, "--last", *words, "--dir", str(tmp_path), settings=dev.exports
            )
            assert saved.code == 0, saved.err
        fired = await vod_bridge("fire", "dead", "--dir", str(tmp_path), settings=dev.exports)
        assert (fired.code, "1 rejected" in fired.out) == (1, True)
        body = json.loads((tmp_path / "old.json").read_bytes())["body"]
        assert body["version"] == "4.0"
        fired = await vod_bridge("fire", "old", "--dir", str(tmp_path), settings=dev.exports)
        assert (fired.code, "1 duplicate" in fired.out) == (0, True), fired
